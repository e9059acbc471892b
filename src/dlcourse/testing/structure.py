"""Whether an answer has the structure of the solution's, checked before a suite sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from dlcourse.sandbox.tensors import describe_tensor


def structure_problem(actual: Any, expected: Any, what: str = "the result") -> str | None:
    """Say how `actual` differs from `expected` in kind, or return None.

    Containers must agree in type, length and keys, tensors and arrays in shape and dtype; an
    int may stand where a float is expected. No value of `expected` is told.
    """
    if _kind(actual) != _kind(expected):
        if type(actual) is int and type(expected) is float:
            return None
        return f"{what} is {describe(actual)}, not {describe(expected)}"
    if isinstance(expected, torch.Tensor | np.ndarray):
        return _array_problem(actual, expected, what)
    if isinstance(expected, dict):
        return _mapping_problem(actual, expected, what)
    if isinstance(expected, list | tuple):
        return _sequence_problem(actual, expected, what)
    return None


def _kind(value: Any) -> type:
    """The type under which values are compared; a parameter is a tensor, a namedtuple a tuple."""
    for kind in (torch.Tensor, np.ndarray, tuple, list, dict):
        if isinstance(value, kind):
            return kind
    return type(value)


def _array_problem(actual: Any, expected: Any, what: str) -> str | None:
    if tuple(actual.shape) != tuple(expected.shape):
        return f"{what} has shape {tuple(actual.shape)}, not {tuple(expected.shape)}"
    if actual.dtype != expected.dtype:
        return f"{what} has dtype {_short(actual.dtype)}, not {_short(expected.dtype)}"
    return None


def _mapping_problem(actual: Any, expected: Any, what: str) -> str | None:
    missing = [key for key in expected if key not in actual]
    if missing:
        return f"{what} lacks the key `{missing[0]!s}`"
    extra = [key for key in actual if key not in expected]
    if extra:
        return f"{what} has a key too many: `{str(extra[0])[:80]}`"
    problems = (
        structure_problem(actual[key], expected[key], f"`{key!s}` of {what}") for key in expected
    )
    return next((problem for problem in problems if problem), None)


def _sequence_problem(actual: Any, expected: Any, what: str) -> str | None:
    if len(actual) != len(expected):
        return f"{what} has {len(actual)} items, not {len(expected)}"
    problems = (
        structure_problem(mine, theirs, f"item {place} of {what}")
        for place, (mine, theirs) in enumerate(zip(actual, expected, strict=True))
    )
    return next((problem for problem in problems if problem), None)


def describe(value: Any) -> str:
    """Name the kind of a value for a person, without its contents."""
    if value is None:
        return "None"
    if isinstance(value, torch.Tensor):
        return describe_tensor(value)
    if isinstance(value, np.ndarray):
        return f"a NumPy array of dtype {_short(value.dtype)} and shape {value.shape}"
    if isinstance(value, dict):
        return f"a dict of {len(value)}"
    if isinstance(value, tuple | list | set):
        return f"a {type(value).__name__} of {len(value)}"
    name = type(value).__name__
    return f"an {name}" if name[:1] in "aeio" else f"a {name}"


def _short(dtype: object) -> str:
    return str(dtype).removeprefix("torch.")
