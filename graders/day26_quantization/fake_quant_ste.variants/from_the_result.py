"""Fake quantization whose scale gradient is told by the step that forward chose."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class FakeQuant(torch.autograd.Function):
    """`FakeQuant.apply(x, scale, zero_point, qmin, qmax)` rounds x to the steps of its codes."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        """Return y, of the shape of x."""
        x, scale, zero_point, qmin, qmax = inputs
        if scale.size() != torch.Size([]):
            raise ValueError("scale has axes")
        if not (qmin < qmax and qmin <= zero_point <= qmax):
            raise ValueError("bounds")
        ctx.save_for_backward(x, scale)
        ctx.offsets = (qmin - zero_point, qmax - zero_point)
        _, step = _steps(x, scale, ctx.offsets)
        return torch.mul(step, scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradients that are needed."""
        x, scale = ctx.saved_tensors
        v, step = _steps(x, scale, ctx.offsets)
        least, most = ctx.offsets
        # y = scale * step(v) with step' = 1 inside: d/dscale = step - v there, step outside
        outside = torch.logical_or(v.le(least), v.ge(most))
        slope = torch.where(outside, step, step - v)
        by_x = grad.masked_fill(outside, 0) if ctx.needs_input_grad[0] else None
        by_scale = torch.sum(slope * grad).to(scale) if ctx.needs_input_grad[1] else None
        return by_x, by_scale, None, None, None


def _steps(x: Tensor, scale: Tensor, offsets: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return v and the step nearest to it."""
    wide = x if x.dtype == torch.float64 else x.to(torch.float32)
    v = torch.div(wide, scale.to(wide.dtype))
    return v, torch.minimum(
        torch.maximum(v.round(), v.new_tensor(offsets[0])), v.new_tensor(offsets[1])
    )
