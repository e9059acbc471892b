"""Fake quantization with a forward free of context, masks that multiply, and bounds in x."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class FakeQuant(torch.autograd.Function):
    """`FakeQuant.apply(x, scale, zero_point, qmin, qmax)` rounds x to the steps of its codes."""

    @staticmethod
    def forward(x: Tensor, scale: Tensor, zero_point: int, qmin: int, qmax: int) -> Tensor:
        """Return y, of the shape of x."""
        if scale.shape != ():
            raise ValueError("one scale, please")
        if zero_point not in range(qmin, qmax + 1) or qmin >= qmax:
            raise ValueError("the zero-point must be a code")
        code = torch.round(_wide(x) / _wide(scale)) + zero_point
        code = torch.clamp(code, min=qmin, max=qmax)
        return ((code - zero_point) * _wide(scale)).type_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep the inputs."""
        del output
        x, scale, *ctx.codes = inputs
        ctx.save_for_backward(x, scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return both gradients, whether needed or not."""
        x, scale = ctx.saved_tensors
        zero_point, qmin, qmax = ctx.codes
        steps = _wide(x).div(_wide(scale))
        below, above = steps <= qmin - zero_point, steps >= qmax - zero_point
        rest = (torch.round(steps) - steps).masked_fill(below | above, 0)
        rest += below * (qmin - zero_point) + above * (qmax - zero_point)
        by_scale = torch.dot(_wide(grad).flatten(), rest.flatten())
        by_x = grad.masked_fill(below, 0).masked_fill(above, 0)
        return by_x, by_scale.to(scale.dtype), None, None, None


def _wide(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
