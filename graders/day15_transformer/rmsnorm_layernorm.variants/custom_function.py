"""One autograd Function with the backward by hand, and in-place work on its own copy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _UnitRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float, centre: int) -> Tensor:
        y = x.clone()
        if centre:
            y -= y.mean(-1, keepdim=True)
        inverse = (y.pow(2).mean(-1, keepdim=True) + eps).pow(-0.5)
        y *= inverse
        ctx.save_for_backward(y, inverse)
        ctx.centre = centre
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        y, inverse = ctx.saved_tensors
        along = (grad * y).mean(-1, keepdim=True)
        back = (grad - y * along) * inverse
        if ctx.centre:
            back = back - back.mean(-1, keepdim=True)
        return back, None, None


def rmsnorm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """Return the rows of `x`, each divided by its root mean square, times `gain`."""
    return _normalise(x, gain, None, eps)


def layernorm(x: Tensor, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return the rows of `x`, centred, divided by their deviation, times `gain` plus `bias`."""
    return _normalise(x, gain, bias, eps)


def _normalise(x: Tensor, gain: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    if x.dim() == 0 or eps <= 0:
        raise ValueError("x needs an axis and eps must be positive")
    if gain.shape != (x.shape[-1],) or (bias is not None and bias.shape != gain.shape):
        raise ValueError("gain and bias must be vectors as long as a row")
    kind = x.dtype
    if kind in (torch.float16, torch.bfloat16):
        x, gain = x.float(), gain.float()
        bias = None if bias is None else bias.float()
    y: Tensor = _UnitRows.apply(x, eps, 0 if bias is None else 1)
    y = gain * y
    return (y if bias is None else y + bias).to(kind)
