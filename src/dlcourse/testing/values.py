"""Whether an answer has the values that it should have."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dlcourse.testing.diagnosis import diagnose, diagnose_shape
from dlcourse.testing.mismatch import Mismatch, capital, counted, shown_shape
from dlcourse.testing.sketch import sketch_of
from dlcourse.testing.tolerances import Tolerance, is_inexact, tolerance_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONGEST_KEY = 80


@dataclass(frozen=True)
class _Terms:
    """What a comparison is held to, and what it is called."""

    what: str
    reduction: int
    c: float
    scale: float | None
    dtype: torch.dtype | None
    equal_nan: bool
    named_axes: Mapping[str, int] | None
    inputs: Sequence[torch.Tensor]

    def inside(self, part: str) -> _Terms:
        """Return the terms for a part of the thing compared."""
        return replace(self, what=f"{part} of {self.what}")

    def due_dtype(self, expected: torch.Tensor) -> torch.dtype:
        """Return the dtype that the answer must have: `dtype` speaks of inexact numbers only."""
        if self.dtype is None or not is_inexact(expected.dtype):
            return expected.dtype
        return self.dtype

    def bound(self, expected: torch.Tensor, dtype: torch.dtype) -> Tolerance:
        """Return how far an answer in `dtype` may lie from `expected`."""
        return tolerance_for(expected, dtype, reduction=self.reduction, c=self.c, scale=self.scale)


def assert_values_match(
    actual: Any,
    expected: Any,
    *,
    reduction: int = 1,
    c: float = 8.0,
    scale: float | None = None,
    what: str = "the result",
    dtype: torch.dtype | None = None,
    equal_nan: bool = False,
    named_axes: Mapping[str, int] | None = None,
    inputs: Sequence[torch.Tensor] = (),
) -> None:
    """Assert that `actual` has the structure and, within rounding, the values of `expected`.

    Lists, tuples and dictionaries are compared part by part. Tensors must agree in shape (nothing
    is broadcast), dtype and device, then element by element in float64 within the tolerance that
    `dlcourse.testing.tolerances` states. Integers, bools and strings must be equal. Whether a
    tensor requires a gradient does not matter here.

    Args:
        actual: what graded code returned.
        expected: what it should have returned, best computed in float64.
        reduction: the length of the longest sum behind an element.
        c: how many roundings of one element are forgiven.
        scale: the size of the terms that cancel in a result near zero; needed where the expected
            tensor does not show it, as in a scalar loss whose terms nearly cancel.
        what: the name of the thing compared, as the learner reads it: `"the loss"`.
        dtype: what the answer's inexact numbers must be in, if not in the dtype of `expected`.
        equal_nan: NaN is right where `expected` is NaN.
        named_axes: lengths that are no axis of the result, by name, `{"D": 7}`: a result that is
            wrong by such a factor is then told so.
        inputs: the arguments of graded code: a result that equals one of them is told so.

    Raises:
        Mismatch: `actual` is anything else.
        TypeError: `expected` is no tensor, array, number, string, None or container of these.
    """
    terms = _Terms(what, reduction, c, scale, dtype, equal_nan, named_axes, inputs)
    _match(actual, expected, terms)


def _match(actual: Any, expected: Any, terms: _Terms) -> None:
    match expected:
        case torch.Tensor():
            _match_tensors(actual, expected, terms)
        case np.ndarray():
            _match_arrays(actual, expected, terms)
        case dict():
            _match_dicts(actual, expected, terms)
        case list() | tuple():
            _match_sequences(actual, expected, terms)
        case bool() | int() | str() | None:
            _match_exactly(actual, expected, terms)
        case float() | complex():
            _match_numbers(actual, expected, terms)
        case _:
            msg = f"`{type(expected).__name__}` cannot be compared: give a tensor or plain values."
            raise TypeError(msg)


def _match_sequences(actual: Any, expected: list[Any] | tuple[Any, ...], terms: _Terms) -> None:
    kind = list if isinstance(expected, list) else tuple
    _require_type(actual, kind, terms)
    if len(actual) != len(expected):
        length = counted(len(actual), "element")
        raise Mismatch(f"{capital(terms.what)} has {length} instead of {len(expected)}.")
    for place, (found, due) in enumerate(zip(actual, expected, strict=True)):
        _match(found, due, terms.inside(f"element {place}"))


def _match_dicts(actual: Any, expected: dict[Any, Any], terms: _Terms) -> None:
    _require_type(actual, dict, terms)
    surplus = [key for key in actual if key not in expected]
    if surplus:
        key = str(surplus[0])[:_LONGEST_KEY]
        raise Mismatch(f"{capital(terms.what)} has a key `{key}` that is not due.")
    if len(actual) != len(expected):
        raise Mismatch(f"{capital(terms.what)} lacks {len(expected) - len(actual)} of its keys.")
    for key, due in expected.items():
        _match(actual[key], due, terms.inside(f"`{key}`"))


def _match_exactly(actual: Any, expected: int | str | None, terms: _Terms) -> None:
    _require_type(actual, type(expected), terms)
    if actual != expected:
        raise Mismatch(f"{capital(terms.what)} is not what it should be.")


def _match_numbers(actual: Any, expected: complex, terms: _Terms) -> None:
    real = isinstance(expected, float)
    accepted = (int, float) if real else (int, float, complex)
    if isinstance(actual, bool) or not isinstance(actual, accepted):
        _require_type(actual, type(expected), terms)
    if isinstance(actual, int):
        actual = _nearest_float(actual)
    wide = torch.float64 if real else torch.complex128
    found, due = torch.tensor(actual, dtype=wide), torch.tensor(expected, dtype=wide)
    _compare(found, due, terms.dtype or wide, terms)


def _nearest_float(number: int) -> float:
    """Return an integer as a float, the largest of which may be smaller than it."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _match_arrays(actual: Any, expected: np.ndarray[Any, Any], terms: _Terms) -> None:
    _require_type(actual, np.ndarray, terms)
    found, due = np.ascontiguousarray(actual), np.ascontiguousarray(expected)
    _match_tensors(
        torch.from_numpy(found).reshape(actual.shape),
        torch.from_numpy(due).reshape(expected.shape),
        terms,
    )


def _match_tensors(actual: Any, expected: torch.Tensor, terms: _Terms) -> None:
    _require_type(actual, torch.Tensor, terms)
    _require_shape(actual, expected, terms)
    due_dtype = terms.due_dtype(expected)
    _require_same("dtype", actual.dtype, due_dtype, terms)
    _require_same("device", actual.device, expected.device, terms)
    _compare(actual, expected, due_dtype, terms)


def _compare(
    actual: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype, terms: _Terms
) -> None:
    due = _representable(expected, dtype)
    bound = terms.bound(due, dtype)
    observed = diagnose(
        actual,
        due,
        bound.rtol,
        bound.atol,
        named_axes=terms.named_axes,
        inputs=terms.inputs,
        what=terms.what,
        equal_nan=terms.equal_nan,
    )
    if observed:
        raise Mismatch(*observed, sketch=sketch_of(actual))


def _representable(expected: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return `expected` with infinity where the value is too large for `dtype`."""
    rounded = expected.detach().to(dtype)
    return torch.where(torch.isinf(rounded), rounded.to(expected.dtype), expected.detach())


def _require_type(actual: Any, due: type, terms: _Terms) -> None:
    found = type(actual)
    if issubclass(found, due) and (found is not bool or due is bool):
        return
    raise Mismatch(
        f"{capital(terms.what)} is of type `{_shown_type(found)}` instead of `{_shown_type(due)}`."
    )


def _require_shape(actual: torch.Tensor, expected: torch.Tensor, terms: _Terms) -> None:
    if actual.shape == expected.shape:
        return
    sentence = (
        f"{capital(terms.what)} has shape {shown_shape(actual.shape)} instead of "
        f"{shown_shape(expected.shape)}."
    )
    reason = diagnose_shape(actual, expected, terms.bound(expected, terms.due_dtype(expected)))
    raise Mismatch(sentence) if reason is None else Mismatch(sentence, reason)


def _require_same(noun: str, found: object, due: object, terms: _Terms) -> None:
    if found != due:
        raise Mismatch(f"{capital(terms.what)} has {noun} `{found}` instead of `{due}`.")


def _shown_type(kind: type) -> str:
    return "None" if kind is type(None) else kind.__name__
