"""Swish with a forward free of context, and the sigmoid written with tanh."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Swish(torch.autograd.Function):
    """`Swish.apply(x, beta)` is `x * sigmoid(beta * x)`, twice differentiable in both."""

    @staticmethod
    def forward(x: Tensor, beta: Tensor) -> Tensor:
        """Return y, of the shape of x."""
        return x * (torch.tanh(beta * x / 2) + 1) / 2

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Keep the inputs."""
        del output  # y is cheaper to compute again than to keep
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Return both gradients, whether needed or not."""
        x, beta = ctx.saved_tensors
        t = torch.tanh(beta * x / 2)
        # sigmoid' = (1 - tanh^2) / 4
        bell = x * (1 - t * t) / 4
        return grad * ((1 + t) / 2 + beta * bell), torch.sum(grad * (bell * x))
