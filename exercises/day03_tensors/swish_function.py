"""Swish with a learnable slope, as a custom autograd Function with its backward by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Swish(torch.autograd.Function):
    r"""`Swish.apply(x, beta)` is `x * sigmoid(beta * x)`, twice differentiable in both.

    With z = beta * x and the logistic function sigmoid(z) = 1 / (1 + exp(-z))::

        y     = x * sigmoid(z)                                   elementwise
        dx    = g * (derivative of y with respect to x)          elementwise
        dbeta = sum(g * (derivative of y with respect to beta))  over all elements of x

    where g is the upstream gradient, of the shape of y, and sigmoid' = sigmoid * (1 - sigmoid).
    The two derivatives are yours to find.

    `backward` computes them from the saved inputs with differentiable operations, so that
    autograd can differentiate `backward` itself: that gives the second derivatives. A tensor
    that `forward` computes, such as sigmoid(z), carries no graph: `backward` computes it anew.

    Args of `apply`:
        x: [...], any shape, empty and 0-dimensional included, and any strides; float64, float32,
            bfloat16 or float16.
        beta: [], the slope, in the dtype and on the device of x; any sign, 0 included.

        Either may require a gradient, or both, or none. They are not changed.

    Returns:
        y, of the shape and dtype of x, in memory of its own. `backward` returns one gradient for
        each input, in that input's shape: [...] for x, [] for beta (or None where
        `ctx.needs_input_grad` says that it is not needed). It leaves g as it is.

    Raises:
        RuntimeError: `backward` meets an x or a beta that was changed in place since `forward`.
            PyTorch raises it for tensors kept with `ctx.save_for_backward`; x and beta themselves
            are kept so, no copies.

    Edge cases:
        * Empty x: y is empty, dbeta is 0.
        * beta = 0: y = x / 2, dx = g / 2, dbeta = sum(g * x^2) / 4.
        * Large inputs: value, gradients and second derivatives are finite, and right, for
          |x| = 1e4 in float32; value and gradients for |x| = 300 in bfloat16 and float16, too,
          as long as z itself is finite in the dtype of x. (x^2 = 90,000 is infinite in float16,
          and inf * 0 is NaN: mind the order of the factors, or compute in float32.)
        * Several calls, and several backward passes through one of them, do not disturb each other.

    Forbidden:
        `torch.nn.functional.silu`, `torch.nn.SiLU`, and letting autograd differentiate `forward`
        (with `torch.enable_grad` or `torch.autograd.grad`, or by an `apply` of your own): write
        the derivative.

    Example:
        >>> x = torch.tensor([0.0, 1.0, -1.0], requires_grad=True)
        >>> beta = torch.tensor(2.0, requires_grad=True)
        >>> y = Swish.apply(x, beta)
        >>> [round(v, 4) for v in y.tolist()]
        [0.0, 0.8808, -0.1192]
        >>> y.sum().backward()
        >>> [round(v, 4) for v in x.grad.tolist()]
        [0.5, 1.0908, -0.0908]
        >>> round(beta.grad.item(), 4)
        0.21

    Source:
        Ramachandran, Zoph and Le, "Searching for Activation Functions" (2017, arXiv:1710.05941),
        section 4: Swish and its derivative.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor) -> Tensor:
        """Return y, of the shape of x, and keep what `backward` needs."""
        # TODO
        raise NotImplementedError("swish_function: write the forward of Swish")

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients for x, [...], and for beta, [], from the one of y, [...]."""
        # TODO
        raise NotImplementedError("swish_function: write the backward of Swish")
