"""Quantization one channel at a time, in float64 whatever comes in."""

from __future__ import annotations

import torch
from torch import Tensor


def quant(
    x: Tensor, bits: int, *, symmetric: bool, axis: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return codes, scale and zero-point of x."""
    if not 1 < bits < 9:
        raise ValueError("from 2 to 8 bits, please")
    if min(x.shape, default=1) < 1 or torch.isnan(x).any() or torch.isinf(x).any():
        raise ValueError("x is empty or not finite")
    with torch.no_grad():
        kind = torch.float64 if x.dtype is torch.float64 else torch.float32
        if axis is None:
            q, scale, zero = _one(x.double(), bits, symmetric=symmetric)
            return q, torch.tensor(scale, dtype=kind, device=x.device), _int32(zero, x)
        done = [_one(part.double(), bits, symmetric=symmetric) for part in x.unbind(axis)]
        codes, scales, zeros = zip(*done, strict=True)
        scale_of_each = torch.tensor(scales, dtype=kind, device=x.device)
        return torch.stack(codes, axis), scale_of_each, _int32(list(zeros), x)


def _int32(numbers: int | list[int], like: Tensor) -> Tensor:
    return torch.tensor(numbers, dtype=torch.int32, device=like.device)


def _one(x: Tensor, bits: int, *, symmetric: bool) -> tuple[Tensor, float, int]:
    top = (1 << bits - 1) - 1
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    if symmetric:
        scale = max(abs(low), abs(high)) / top or 1.0
        return torch.round(x / scale).to(torch.int8), scale, 0
    scale = (high - low) / ((1 << bits) - 1) or 1.0
    zero = -top - 1 - round(low / scale)
    return (torch.round(x / scale) + zero).clip(-top - 1, top).char(), scale, zero


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor, *, axis: int | None) -> Tensor:
    """Return the real numbers that codes stand for."""
    if axis is None:
        return (q.double() - zero_point.item()).mul(scale.item()).to(scale.dtype)
    out = torch.empty(q.shape, dtype=scale.dtype, device=q.device)
    for place, part in enumerate(q.unbind(axis)):
        number = (part.double() - zero_point[place].item()) * scale[place].item()
        out.select(axis, place).copy_(number)
    return out
