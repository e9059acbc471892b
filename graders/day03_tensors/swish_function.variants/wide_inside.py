"""Swish computed in float64 or float32 whatever comes in, differentiated through y itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Swish(torch.autograd.Function):
    """`Swish.apply(x, beta)` is `x * sigmoid(beta * x)`, twice differentiable in both."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor) -> Tensor:
        """Return y, of the shape of x."""
        ctx.save_for_backward(x, beta)
        wide = _wide(x)
        return (wide / (1 + torch.exp(-_wide(beta) * wide))).type_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients that are needed."""
        x, beta = ctx.saved_tensors
        needs_x, needs_beta = ctx.needs_input_grad
        wide_x, wide_beta, upstream = _wide(x), _wide(beta), _wide(grad)
        s = torch.sigmoid(wide_beta * wide_x)
        y = wide_x * s
        for_x = for_beta = None
        if needs_x:
            # dy/dx = beta y + s (1 - beta y)
            for_x = torch.addcmul(wide_beta * y, s, 1 - wide_beta * y).mul(upstream).to(x.dtype)
        if needs_beta:
            # dy/dbeta = y (x - y)
            for_beta = torch.dot((y * (wide_x - y)).flatten(), upstream.flatten()).to(beta.dtype)
        return for_x, for_beta


def _wide(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
