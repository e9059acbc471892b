"""A wrong tensor in a few numbers: enough to tell whether two programs are wrong alike."""

from __future__ import annotations

import math
from typing import Final

import torch

from dlcourse.testing.tolerances import widened

# Programs that make the same mistake differ by rounding; two mistakes hardly ever agree so far.
_RTOL: Final = 1e-3
_TINY: Final = 1e-12


def sketch_of(x: torch.Tensor) -> tuple[float, ...]:
    """Return two weighted sums of the finite elements, their absolute sum, and how many there are.

    The weights differ from element to element, so that an exchange of elements shows.
    """
    flat = widened(x.detach()).flatten()
    flat = torch.view_as_real(flat).flatten() if flat.is_complex() else flat
    finite = torch.isfinite(flat)
    flat = torch.where(finite, flat, torch.zeros_like(flat))
    place = torch.arange(flat.numel(), dtype=flat.dtype, device=flat.device)
    sums = (flat * place.cos(), flat * (1 + place).sqrt().sin(), flat.abs(), finite)
    return tuple(float(part.sum()) for part in sums)


def alike(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    """Say whether two sketches are of one tensor, up to rounding."""
    if len(left) != len(right):
        return False
    if not left:
        return True
    size = _RTOL * max(left[2], right[2]) + _TINY
    return left[3] == right[3] and all(
        math.isclose(mine, theirs, rel_tol=0.0, abs_tol=size)
        for mine, theirs in zip(left[:3], right[:3], strict=True)
    )
