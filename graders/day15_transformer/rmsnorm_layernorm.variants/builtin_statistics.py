"""The statistics from `var_mean` and the vector norm, and the division spelled out."""

from __future__ import annotations

import torch
from torch import Tensor


def rmsnorm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """Return the rows of `x`, each divided by its root mean square, times `gain`."""
    d = _length(x, gain)
    if not eps > 0:
        raise ValueError("eps must be above zero")
    h = x if x.dtype == torch.float64 else x.float()
    square = torch.linalg.vecdot(h, h) / d  # [...]
    return torch.div(h, (square + eps).sqrt()[..., None]).mul(gain.to(h.dtype)).to(x.dtype)


def layernorm(x: Tensor, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return the rows of `x`, centred, divided by their deviation, times `gain` plus `bias`."""
    d = _length(x, gain)
    if tuple(bias.shape) != (d,):
        raise ValueError("bias must be [D]")
    if not eps > 0:
        raise ValueError("eps must be above zero")
    h = x if x.dtype == torch.float64 else x.float()
    var, mu = torch.var_mean(h, dim=-1, correction=0, keepdim=True)
    y = torch.addcmul(bias.to(h.dtype), (h - mu) / torch.sqrt(var + eps), gain.to(h.dtype))
    return y.to(x.dtype)


def _length(x: Tensor, gain: Tensor) -> int:
    if x.ndim < 1:
        raise ValueError("x must have at least one axis")
    d = x.size(-1)
    if tuple(gain.shape) != (d,):
        raise ValueError("gain must be [D]")
    return d
