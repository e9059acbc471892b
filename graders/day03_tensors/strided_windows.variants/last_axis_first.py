"""Builds the window axes in front, where strides are easy to list, and moves them to the end."""

from __future__ import annotations

import torch
from torch import Tensor


def windows(x: Tensor, width: int, step: int) -> Tensor:
    """Return all windows along the last axis, `step` apart, as a view of x."""
    if not x.ndim or width < 1 or width > x.size(-1) or step < 1:
        raise ValueError("expected an axis that holds a window, and positive numbers")
    turned = x.movedim(-1, 0)  # [T, ...]
    rest, far = list(turned.shape[1:]), list(turned.stride())
    count = len(range(0, x.size(-1) - width + 1, step))
    view = torch.as_strided(turned, [count, width, *rest], [step * far[0], far[0], *far[1:]])
    return view.movedim((0, 1), (-2, -1))
