"""Splits the view in two: a window axis on a narrowed x, whose shape and strides it extends."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def _spread(first: Tensor, width: int) -> Tensor:
    """Give each element of `first`, [..., n], its `width - 1` followers in the memory of x."""
    return first[..., None].expand(*first.shape, width)


def windows(x: Tensor, width: int, step: int) -> Tensor:
    """Return all windows along the last axis, `step` apart, as a view of x."""
    shape = tuple(x.shape)
    if not shape or not 0 < width <= shape[-1] or step <= 0:
        raise ValueError(f"no windows of {width} every {step} in a tensor of shape {shape}")
    starts = x[..., : shape[-1] - width + 1 : step]
    count = math.ceil((shape[-1] - width + 1) / step)
    spread = _spread(starts, width)
    along = x.stride()[-1]
    strides = (*spread.stride()[:-2], along * step, along)
    sizes = (*spread.shape[:-2], count, width)
    return torch.as_strided(x, size=sizes, stride=strides)
