"""Fake quantization in float64 whatever comes in, in place on its own copies, region by region."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class FakeQuant(torch.autograd.Function):
    """`FakeQuant.apply(x, scale, zero_point, qmin, qmax)` rounds x to the steps of its codes."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, zero_point: int, qmin: int, qmax: int
    ) -> Tensor:
        """Return y, of the shape of x."""
        if scale.ndim > 0 or qmax <= qmin or zero_point < qmin or zero_point > qmax:
            raise ValueError("scale, zero-point and bounds do not fit together")
        ctx.save_for_backward(x, scale)
        ctx.low, ctx.high = qmin - zero_point, qmax - zero_point
        y = x.double().div(scale.double()).clamp_(ctx.low, ctx.high).round_()
        return y.mul_(scale.double()).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients that are needed."""
        x, scale = ctx.saved_tensors
        v = x.double() / scale.double()
        g = grad.double()
        inside = (v > ctx.low) & (v < ctx.high)
        by_x = by_scale = None
        if ctx.needs_input_grad[0]:
            by_x = torch.zeros_like(x)
            by_x[inside] = grad[inside]
        if ctx.needs_input_grad[1]:
            rounding = v[inside].round() - v[inside]
            total = (g[inside] * rounding).sum()
            total += ctx.low * g[v <= ctx.low].sum() + ctx.high * g[v >= ctx.high].sum()
            by_scale = total.to(scale.dtype)
        return by_x, by_scale, None, None, None
