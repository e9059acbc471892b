"""Differences and the matrix product in int32, where the device has one."""

from __future__ import annotations

import torch
from torch import Tensor


def int8_linear(
    x_q: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    w_q: Tensor,
    w_scale: Tensor,
    w_zero: Tensor,
    bias: Tensor,
) -> Tensor:
    """Return x @ w.T + bias for x and w given as int8 codes."""
    if x_q.dim() != 2 or w_q.dim() != 2 or x_q.size(1) != w_q.size(1):
        raise ValueError(f"`x_q` {x_q.size()} and `w_q` {w_q.size()} do not fit")
    if not w_scale.size() == w_zero.size() == bias.size() == (w_q.size(0),):
        raise ValueError("`w_scale`, `w_zero` and `bias` have the shape [O]")
    if x_scale.dim() > 0 or x_zero.dim() > 0:
        raise ValueError("`x_scale` and `x_zero` are numbers")
    kind = torch.int32 if x_q.device.type == "cpu" else torch.float64
    x = x_q.to(kind).sub_(x_zero)
    w = w_q.to(kind).sub_(w_zero.unsqueeze(1))
    return torch.addcmul(bias, torch.mm(x, w.t()).to(torch.float32), w_scale * x_scale)
