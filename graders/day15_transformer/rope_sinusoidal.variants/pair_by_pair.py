"""A loop over pairs, each a 2 x 2 rotation of a small slice, written into a copy."""

from __future__ import annotations

import torch
from torch import Tensor


def rope(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Return `x` with each pair of neighbouring features rotated by an angle of its position."""
    if x.dim() < 2 or x.shape[-1] % 2 or x.shape[-1] < 2:
        raise ValueError("x must be [..., T, D] with an even D")
    if positions.shape[-1:] != x.shape[-2:-1] or theta <= 0:
        raise ValueError("positions must be [..., T] and theta positive")
    d = x.shape[-1]
    y = x.clone().float() if x.dtype in (torch.float16, torch.bfloat16) else x.clone()
    source = y.unbind(-1)
    columns = []
    for i in range(d // 2):
        angle = positions.double() * theta ** (-2 * i / d)
        cos, sin = torch.cos(angle).to(y.dtype), torch.sin(angle).to(y.dtype)
        first, second = source[2 * i], source[2 * i + 1]
        columns += [cos * first - sin * second, sin * first + cos * second]
    return torch.stack(columns, dim=-1).to(x.dtype)


def sinusoidal(length: int, dim: int) -> Tensor:
    """Return the table of sinusoids that the first transformer added to its embeddings."""
    if dim < 2 or dim % 2 or length < 0:
        raise ValueError("dim must be even, length 0 or more")
    t = torch.arange(length, dtype=torch.float64)
    columns = []
    for i in range(dim // 2):
        angle = t / 10000.0 ** (2 * i / dim)
        columns += [torch.sin(angle), torch.cos(angle)]
    return torch.stack(columns, dim=1).float()
