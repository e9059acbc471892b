"""Whether an answer has the structure of the solution's, checked before a suite sees it."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from dlcourse.sandbox.stand_in import GradedObject, access_of
from dlcourse.sandbox.tensors import describe_tensor

_SHOWN_KEY: Final = 80

# In this order: a bool is an int, a parameter a tensor, a namedtuple or a torch.Size a tuple.
_KINDS: Final = (
    *(torch.Tensor, np.ndarray, bool, int, float, complex, str, tuple, list, dict),
    *(GradedObject, nn.Module),
)
_PLAIN: Final = (
    *(*_KINDS, set, bytes, slice, torch.dtype, torch.device, torch.Generator),
    # What cannot cross at all.
    *(type, FunctionType, MethodType, BuiltinFunctionType),
)


def structure_problem(actual: Any, expected: Any, what: str = "the result") -> str | None:
    """Say how `actual` differs from `expected` in kind, or return None.

    Containers must agree in type, length and keys, tensors and arrays in shape and dtype; an
    int may stand where a float is expected. An object of graded code may stand for any object,
    but a module only for a module. No value of `expected` is told.
    """
    mine, theirs = _kind(actual), _kind(expected)
    if mine is not theirs:
        if (mine, theirs) == (int, float) or (mine is GradedObject and is_opaque(expected)):
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
    """The type under which a value is compared: the one that it has once it crossed the wire."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, frozenset):
        return set
    return next((kind for kind in _KINDS if isinstance(value, kind)), type(value))


def is_opaque(value: Any) -> bool:
    """Whether a value has no plain form on the wire and is no module: an object like any other."""
    return not (value is None or issubclass(_kind(value), _PLAIN))


def _array_problem(actual: Any, expected: Any, what: str) -> str | None:
    if tuple(actual.shape) != tuple(expected.shape):
        return f"{what} has shape {tuple(actual.shape)}, not {tuple(expected.shape)}"
    if actual.dtype != expected.dtype:
        return f"{what} has dtype {_short(actual.dtype)}, not {_short(expected.dtype)}"
    return None


def _mapping_problem(actual: dict[Any, Any], expected: dict[Any, Any], what: str) -> str | None:
    missing = [key for key in expected if key not in actual]
    if missing:
        return f"{what} lacks the key {_shown(missing[0])}"
    extra = [key for key in actual if key not in expected]
    if extra:
        return f"{what} has a key too many: {_shown(extra[0])}"
    problems = (
        structure_problem(actual[key], expected[key], f"{_shown(key)} of {what}")
        for key in expected
    )
    return next((problem for problem in problems if problem), None)


def _shown(key: Any) -> str:
    """A key of a dict in backticks; graded code may have chosen it."""
    try:
        return f"`{str(key)[:_SHOWN_KEY]}`"
    except ValueError:  # Python prints no integer of more than 4300 digits
        return "`(a huge number)`"


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
    if isinstance(value, nn.Module):
        return "an `nn.Module`"
    if isinstance(value, GradedObject) or is_opaque(value):
        return f"an object of class `{class_name(value)}`"
    name = _kind(value).__name__
    article = "an" if name[:1] in "aeio" else "a"
    size = f" of {len(value)}" if isinstance(value, tuple | list | dict | set | frozenset) else ""
    return f"{article} {name}{size}"


def class_name(value: Any) -> str:
    """The name of an object's class, where the object lives."""
    return access_of(value).kind if isinstance(value, GradedObject) else type(value).__name__


def _short(dtype: object) -> str:
    return str(dtype).removeprefix("torch.")
