"""Pairs as complex numbers, turned by `torch.polar`; the table by slices of an empty tensor."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def rope(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Return `x` with each pair of neighbouring features rotated by an angle of its position."""
    if x.ndim < 2 or positions.ndim < 1 or positions.size(-1) != x.size(-2):
        raise ValueError("x is [..., T, D] and positions are [..., T]")
    if not theta > 0:
        raise ValueError("theta must be above 0")
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    angle = positions.to(torch.float64)[..., None] * _rates(x.size(-1), theta).to(x.device)
    turn = torch.polar(torch.ones_like(angle), angle)
    turn = turn.to(torch.complex128 if kind == torch.float64 else torch.complex64)
    pairs = x.to(kind).reshape(*x.shape[:-1], x.size(-1) // 2, 2).contiguous()
    return torch.view_as_real(torch.view_as_complex(pairs) * turn).reshape(x.shape).to(x.dtype)


def sinusoidal(length: int, dim: int) -> Tensor:
    """Return the table of sinusoids that the first transformer added to its embeddings."""
    if length < 0:
        raise ValueError("length must be 0 or more")
    angle = torch.outer(torch.arange(length, dtype=torch.float64), _rates(dim, 10000.0))
    table = torch.empty(length, dim, dtype=torch.float32)
    table[:, 0::2] = torch.sin(angle)
    table[:, 1::2] = torch.cos(angle)
    return table


def _rates(dim: int, base: float) -> Tensor:
    if dim < 1 or dim % 2 == 1:
        raise ValueError("dim must be even and above 0")
    pair = torch.arange(dim // 2, dtype=torch.float64)
    return torch.exp(pair * (-2.0 * math.log(base) / dim))
