"""Pads both shapes with ones in front, and sums one axis after the other."""

from __future__ import annotations

import torch
from torch import Tensor


def broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which tensors of the shapes a and b broadcast together."""
    rank = max(len(a), len(b))
    a = (1,) * (rank - len(a)) + tuple(a)
    b = (1,) * (rank - len(b)) + tuple(b)
    common = []
    for m, n in zip(a, b, strict=True):
        lengths = {m, n} - {1}
        if len(lengths) > 1:
            raise ValueError(f"{m} and {n} do not go together")
        common.append(lengths.pop() if lengths else 1)
    return tuple(common)


def unbroadcast(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return g summed over the axes along which a tensor of `shape` was broadcast to g's shape."""
    extra = g.ndim - len(shape)
    pairs = zip(g.shape[max(extra, 0) :], shape, strict=extra >= 0)
    if extra < 0 or any(mine not in (1, theirs) for theirs, mine in pairs):
        raise ValueError("the shape does not fit")
    for _ in range(extra):
        g = torch.sum(g, 0)
    for axis, length in enumerate(shape):
        if length == 1:
            g = g.sum(axis).unsqueeze(axis)
    return g
