"""The form `x * cos + turned(x) * sin` with repeated angles, in float64 throughout."""

from __future__ import annotations

import torch
from torch import Tensor


def rope(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Return `x` with each pair of neighbouring features rotated by an angle of its position."""
    if x.dim() < 2:
        raise ValueError("x needs the axes T and D")
    t, d = x.shape[-2], x.shape[-1]
    if d == 0 or d % 2 != 0:
        raise ValueError("D must be even and positive")
    if positions.dim() == 0 or positions.shape[-1] != t:
        raise ValueError("one position for each token")
    if theta <= 0:
        raise ValueError("theta must be positive")
    wide = x.double()
    rate = torch.pow(theta, -torch.arange(0, d, 2, device=x.device).double() / d)
    angle = torch.einsum("...t,i->...ti", positions.double(), rate)
    angle = angle.repeat_interleave(2, dim=-1)  # [..., T, D]
    turned = torch.empty_like(wide)
    turned[..., ::2] = -wide[..., 1::2]
    turned[..., 1::2] = wide[..., ::2]
    return (wide * angle.cos() + turned * angle.sin()).to(x.dtype)


def sinusoidal(length: int, dim: int) -> Tensor:
    """Return the table of sinusoids that the first transformer added to its embeddings."""
    if length < 0 or dim < 2 or dim % 2 != 0:
        raise ValueError("length must be 0 or more, dim even and positive")
    feature = torch.arange(dim)
    rate = 10000.0 ** (-(feature - feature % 2).double() / dim)
    # A cosine is a sine a quarter turn later.
    late = (feature % 2).double() * (torch.pi / 2)
    return torch.sin(torch.arange(length).double().unsqueeze(1) * rate + late).to(torch.float32)
