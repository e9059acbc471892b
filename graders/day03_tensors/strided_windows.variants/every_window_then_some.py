"""Makes the windows of step 1, and takes every `step`-th of them by slicing."""

from __future__ import annotations

import torch
from torch import Tensor


def windows(x: Tensor, width: int, step: int) -> Tensor:
    """Return all windows along the last axis, `step` apart, as a view of x."""
    if x.dim() < 1:
        raise ValueError("x needs an axis")
    if width < 1 or step < 1 or width > x.shape[-1]:
        raise ValueError("no such windows")
    sizes, strides = list(x.size()), list(x.stride())
    sizes[-1] -= width - 1
    every = torch.as_strided(
        x, [*sizes, width], [*strides, strides[-1]], storage_offset=x.storage_offset()
    )
    return every[..., ::step, :]
