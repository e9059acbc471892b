"""Swish whose backward is a second Function, with the second derivatives by hand as well."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _SwishBackward(torch.autograd.Function):
    """Maps (grad, x, beta) to the gradients for x and beta."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, x: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(grad, x, beta)
        first, slope, _ = _derivatives(x, beta)
        return grad * first, (grad * (x * slope * x)).sum()

    @staticmethod
    def backward(ctx: Any, to_x: Tensor, to_beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grad, x, beta = ctx.saved_tensors
        first, slope, bend = _derivatives(x, beta)
        squared = x * slope * x
        mixed = x * bend
        for_grad = to_x * first + to_beta * squared
        for_x = grad * (to_x * beta * bend + to_beta * mixed)
        cubic = squared * x * (1 - 2 * torch.sigmoid(beta * x))
        for_beta = (grad * (to_x * mixed + to_beta * cubic)).sum()
        return for_grad, for_x, for_beta


class Swish(torch.autograd.Function):
    """`Swish.apply(x, beta)` is `x * sigmoid(beta * x)`, twice differentiable in both."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor) -> Tensor:
        """Return y, of the shape of x."""
        ctx.save_for_backward(x, beta)
        return x * (beta * x).sigmoid()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Return both gradients through a Function that knows its own backward."""
        x, beta = ctx.saved_tensors
        for_x, for_beta = _SwishBackward.apply(grad, x, beta)  # type: ignore[no-untyped-call]  # torch has no types here
        return for_x, for_beta


def _derivatives(x: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return dy/dx, sigmoid'(z) and (d2y/dx2) / beta, each of the shape of x."""
    z = beta * x
    s = torch.sigmoid(z)
    slope = s * (1 - s)
    return s + z * slope, slope, slope * (2 + z * (1 - 2 * s))
