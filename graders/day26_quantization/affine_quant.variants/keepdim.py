"""Quantization with extremes that keep their axes, and integer arithmetic for the codes."""

from __future__ import annotations

import torch
from torch import Tensor


def quant(
    x: Tensor, bits: int, *, symmetric: bool, axis: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return codes, scale and zero-point of x."""
    if bits not in (2, 3, 4, 5, 6, 7, 8) or not x.numel() or not torch.isfinite(x).all():
        raise ValueError("bits, size or values of x are not as they should be")
    wide = x.detach().clone()
    wide = wide.double() if x.dtype == torch.float64 else wide.float()
    if x.dim() == 0:
        wide = wide[None]
    low = high = wide
    own = None if axis is None else range(wide.dim())[axis]
    for place in range(wide.dim()):
        if place != own:
            low, high = low.amin(place, keepdim=True), high.amax(place, keepdim=True)
    zero = torch.zeros((), dtype=wide.dtype, device=x.device)
    low, high = torch.minimum(low, zero), torch.maximum(high, zero)

    half = 1 << (bits - 1)
    if symmetric:
        qmin, qmax, scale = 1 - half, half - 1, torch.maximum(high, low.neg()).div(half - 1)
    else:
        qmin, qmax, scale = -half, half - 1, (high - low).div(2 * half - 1)
    scale = scale.masked_fill(scale == 0, 1.0)
    offset = torch.zeros_like(low) if symmetric else low.div(scale).round_().neg_().add_(qmin)
    codes = wide.div_(scale).round_().to(torch.int32).add_(offset.int()).clamp_(qmin, qmax)
    shape = [] if axis is None else [x.shape[axis]]
    zero_point = offset.reshape(shape).int()
    return codes.reshape(x.shape).to(torch.int8), scale.reshape(shape), zero_point


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor, *, axis: int | None) -> Tensor:
    """Return the real numbers that codes stand for."""
    real = q.to(scale.dtype, copy=True)
    if axis is not None:
        behind = q.dim() - 1 - axis % q.dim()
        scale, zero_point = (v[(..., *[None] * behind)] for v in (scale, zero_point))
    return real.sub_(zero_point).mul_(scale)
