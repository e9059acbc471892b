"""Quantization with the channel axis moved to the end, where it broadcasts by itself."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def quant(
    x: Tensor, bits: int, *, symmetric: bool, axis: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return codes, scale and zero-point of x."""
    if bits < 2 or bits > 8:
        raise ValueError("bits out of range")
    if x.nelement() == 0:
        raise ValueError("empty")
    if not bool(torch.all(torch.isfinite(x))):
        raise ValueError("not finite")
    if axis is None:
        q, scale, zero_point = quant(x.reshape(-1, 1), bits, symmetric=symmetric, axis=1)
        return q.reshape(x.shape), scale[0], zero_point[0]

    last = x.transpose(axis, -1)
    if x.dtype in (torch.float16, torch.bfloat16):
        last = last.float()
    # [1, C], then zeros, so that both extremes reach 0
    table = torch.cat([last.reshape(-1, last.shape[-1]), last.new_zeros(1, last.shape[-1])])
    low, high = table.amin(0), table.amax(0)
    levels = 2**bits - 1
    least = -(2 ** (bits - 1))
    if symmetric:
        scale = table.abs().amax(0) / (2 ** (bits - 1) - 1)
    else:
        scale = (high - low) * (1 / levels)
    scale[scale == 0] = 1
    steps = torch.round(last * (1 / scale)).long()
    if symmetric:
        zero_point = torch.zeros(len(scale), dtype=torch.int32, device=x.device)
    else:
        zero_point = (least + torch.round(-low / scale)).int()
    q = (steps + zero_point).clamp(least, least + levels)
    return q.to(torch.int8).transpose(axis, -1).contiguous(), scale, zero_point


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor, *, axis: int | None) -> Tensor:
    """Return the real numbers that codes stand for."""
    if axis is None:
        return (q.short() - zero_point.short()).to(scale.dtype) * scale
    difference = q.transpose(axis, -1).int() - zero_point
    return (difference * scale).transpose(axis, -1)
