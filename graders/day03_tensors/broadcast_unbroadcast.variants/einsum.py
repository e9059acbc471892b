"""Lets `einsum` sum the axes in float64, and `view` put axes of length 1 back."""

from __future__ import annotations

import torch
from torch import Tensor


def broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which tensors of the shapes a and b broadcast together."""
    if len(a) < len(b):
        a, b = b, a
    shape = list(a)
    for place, n in enumerate(reversed(b), 1):
        if shape[-place] == 1:
            shape[-place] = n
        elif n not in (1, shape[-place]):
            raise ValueError("no common shape")
    return tuple(shape)


def unbroadcast(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return g summed over the axes along which a tensor of `shape` was broadcast to g's shape."""
    try:
        fits = broadcast_shape(shape, tuple(g.shape)) == g.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("no such broadcast")
    letters = "abcdefgh"[: g.dim()]
    aligned = (1,) * (g.dim() - len(shape)) + shape
    kept = "".join(letter for letter, n, m in zip(letters, aligned, g.shape, strict=True) if n == m)
    summed = torch.einsum(f"{letters}->{kept}", g.double()) if kept != letters else g.double()
    return summed.reshape(shape).to(g.dtype)
