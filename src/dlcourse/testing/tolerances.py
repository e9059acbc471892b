"""How far a right answer may lie from the exact one: a law, not a taste.

An element of a right answer satisfies

    |actual - expected| <= rtol * |expected| + c * eps * scale + underflow

with `rtol = c * eps(dtype) * sqrt(n)`, n being the length of the longest sum behind an element.

The first term alone fails near zero, where terms of ordinary size cancel and leave only their
rounding errors. So the second lets every element be wrong by as much as one of *typical* size
may be: `scale` is the median of the non-zero magnitudes expected. The largest magnitude would be
the wrong yardstick, because one huge element would then excuse errors in all others; the median
keeps watch over every element above a thousandth of the typical size, where float32 still shows
a relative error of 1e-3. The third term is what a processor that flushes subnormal numbers loses.

`rtol` is capped, so that no length of sum and no `c` lets a relative error of 1e-3 pass in
float32 or a result of zeros pass in bfloat16.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

_WIDEST = 5e-4
_WIDEST_IN_HALF_PRECISION = 1 / 16
_HALF_PRECISION = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Tolerance:
    """The bound `rtol * |expected| + atol` on the error of an element."""

    rtol: float
    atol: float


EXACT = Tolerance(0.0, 0.0)


def tolerance(dtype: torch.dtype, reduction: int = 1, c: float = 8.0) -> float:
    """Return the relative tolerance `c * eps(dtype) * sqrt(reduction)`, capped.

    Args:
        dtype: what the answer is computed in; integers and bools are exact, so they get 0.
        reduction: the length of the longest sum behind an element, 1 where there is none.
        c: how many roundings of one element are forgiven.

    Raises:
        ValueError: `reduction` is below 1, or `c` is not positive.
    """
    if reduction < 1 or not c > 0:
        msg = f"`reduction` ({reduction}) must be at least 1 and `c` ({c}) positive."
        raise ValueError(msg)
    if not is_inexact(dtype):
        return 0.0
    widest = _WIDEST_IN_HALF_PRECISION if dtype in _HALF_PRECISION else _WIDEST
    return min(c * torch.finfo(dtype).eps * math.sqrt(reduction), widest)


def tolerance_for(
    expected: torch.Tensor,
    dtype: torch.dtype,
    *,
    reduction: int = 1,
    c: float = 8.0,
    scale: float | None = None,
) -> Tolerance:
    """Return the bound for an answer in `dtype` that should equal `expected`.

    `scale` is the size of the terms that may cancel; None takes it from `expected`.
    """
    if not is_inexact(dtype):
        return EXACT
    size = typical_size(expected) if scale is None else scale
    atol = tolerance(dtype, 1, c) * size + _underflow(dtype)
    return Tolerance(tolerance(dtype, reduction, c), atol)


def typical_size(values: torch.Tensor) -> float:
    """Return the median magnitude of the finite non-zero elements, 0 where there is none."""
    sizes = widened(values).abs()
    sizes = sizes[torch.isfinite(sizes) & (sizes != 0)]
    return float(sizes.median()) if sizes.numel() else 0.0


def close(
    actual: torch.Tensor, expected: torch.Tensor, bound: Tolerance, *, equal_nan: bool = False
) -> torch.Tensor:
    """Return, element by element, whether `actual` is `expected` within the bound.

    Both have one shape. Integers and bools are equal or not. An infinity equals only itself, NaN
    only NaN, and that only with `equal_nan`.
    """
    if not (is_inexact(actual.dtype) or is_inexact(expected.dtype)):
        return actual == expected
    found, due = widened(actual), widened(expected)
    within = (found - due).abs() <= bound.rtol * due.abs() + bound.atol
    finite = torch.isfinite(found) & torch.isfinite(due)
    same = torch.where(finite, within, found == due)
    return same | (torch.isnan(found) & torch.isnan(due)) if equal_nan else same


def widened(values: torch.Tensor) -> torch.Tensor:
    """Return `values`, without their graph, in float64 or complex128."""
    wide = torch.complex128 if values.dtype.is_complex else torch.float64
    return values.detach().to(wide)


def is_inexact(dtype: torch.dtype) -> bool:
    """Say whether numbers of this dtype are rounded."""
    return dtype.is_floating_point or dtype.is_complex


def _underflow(dtype: torch.dtype) -> float:
    """Return what may be lost below the smallest normal number.

    float16 is computed in float32 and then rounded to its subnormal grid; the others may be
    flushed to zero by the processor.
    """
    limits = torch.finfo(dtype)
    return limits.tiny * limits.eps if dtype is torch.float16 else limits.tiny
