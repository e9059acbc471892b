"""Whether a value still is what it was, judged by its bytes and not by a version counter."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch

_DTYPE: Final = "its dtype differs"
_SHAPE: Final = "its shape differs"
_STRIDES: Final = "its strides differ"
_REQUIRES_GRAD: Final = "its requires_grad differs"
_VALUES: Final = "its values differ"
_ANOTHER: Final = "it holds another value"
_ELEMENTS: Final = "it holds other elements"
CHANGES: Final = frozenset({_DTYPE, _SHAPE, _STRIDES, _REQUIRES_GRAD, _VALUES, _ANOTHER, _ELEMENTS})
"""Every change there is, in the words of a sentence."""

_CONTAINERS: Final = (torch.Tensor, np.ndarray, list, tuple, dict)


def change(before: Any, after: Any) -> str | None:
    """Return how a value differs from a copy made before, one of `CHANGES`; None if it does not."""
    if isinstance(before, _CONTAINERS) and not isinstance(after, type(before)):
        return _ANOTHER
    match before:
        case torch.Tensor():
            return _tensor_change(before, after)
        case np.ndarray():
            return _array_change(before, after)
        case list() | tuple() | dict():
            return _container_change(before, after)
        case bool() | int() | float() | complex() | str() | None:
            # `repr` tells NaN from nothing, and 1 from 1.0 and True.
            same = type(before) is type(after) and repr(before) == repr(after)
            return None if same else _ANOTHER
        case _:
            return None  # a random generator, say, advances because it is used


def _container_change(before: Any, after: Any) -> str | None:
    if not isinstance(before, dict):
        before, after = dict(enumerate(before)), dict(enumerate(after))
    if list(before) != list(after):
        return _ELEMENTS
    changes = (change(value, after[key]) for key, value in before.items())
    return next((found for found in changes if found is not None), None)


def _tensor_change(before: torch.Tensor, after: torch.Tensor) -> str | None:
    attributes = (
        (_DTYPE, before.dtype, after.dtype),
        (_SHAPE, before.shape, after.shape),
        (_STRIDES, before.stride(), after.stride()),
        (_REQUIRES_GRAD, before.requires_grad, after.requires_grad),
    )
    for found, old, new in attributes:
        if old != new:
            return found
    return None if torch.equal(_bytes(before), _bytes(after)) else _VALUES


def _array_change(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> str | None:
    if before.dtype != after.dtype:
        return _DTYPE
    if before.shape != after.shape:
        return _SHAPE
    return None if before.tobytes() == after.tobytes() else _VALUES


def _bytes(values: torch.Tensor) -> torch.Tensor:
    """Return the elements as raw bytes, so that NaN equals itself and -0.0 is not 0.0."""
    return values.detach().reshape(-1).contiguous().view(torch.uint8)
