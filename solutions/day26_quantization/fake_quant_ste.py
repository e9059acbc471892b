"""Fake quantization with a straight-through gradient and a learned scale."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class FakeQuant(torch.autograd.Function):
    r"""`FakeQuant.apply(x, scale, zero_point, qmin, qmax)` rounds x to the steps of its codes.

    With v = x / scale, and the bounds as seen from the zero-point::

        low  = qmin - zero_point
        high = qmax - zero_point

        y = round(clamp(v, low, high)) * scale

    so y is what x becomes when it is quantized and dequantized. `round` goes to the nearest
    integer, ties to the even one. (An integer zero-point could be added to v and taken off
    again after rounding, but an odd one would turn the ties round.)

    The true derivative of `round` is 0 almost everywhere, so the gradient is *defined* instead:
    `round` passes it straight through, as if it were the identity, and `clamp` stops it. With the
    upstream gradient g, of the shape of y::

        dx     = g   where low < v < high,   else 0                          elementwise
        dscale = sum(g * r) over all elements of x, with
                 r = round(v) - v   where low < v < high,
                     low            where v <= low,
                     high           where v >= high

    The bounds themselves count as outside. The gradient of the scale is not scaled further: no
    factor such as 1 / sqrt(N * qmax).

    Args of `apply`:
        x: [...], any shape, empty and 0-dimensional included, and any strides; float64, float32,
            bfloat16 or float16. No NaN; infinities are allowed.
        scale: [], the size of a step, positive, in the dtype and on the device of x.
        zero_point: int, the code of 0.0, from qmin to qmax.
        qmin: int, the least code.
        qmax: int, the greatest code, above qmin.

        x and scale may require a gradient, either or both, or none. They are not changed.

    Returns:
        y, of the shape and dtype of x, in memory of its own. `backward` returns one gradient for
        each input: [...] for x, [] for scale (or None where `ctx.needs_input_grad` says that it
        is not needed), both in the inputs' dtype, and None for the three integers. It leaves g as
        it is. Second derivatives are not asked for.

        bfloat16 and float16 are computed in float32, backward too, and rounded once at the end.
        For the backward no more bytes are kept than x and scale take, wherever they are kept.

    Raises:
        ValueError: scale is not of shape [], or not qmin <= zero_point <= qmax with qmin < qmax.

    Edge cases:
        * Empty x: y is empty, dscale is 0.
        * x of infinity, or so large that x / scale is infinite: y is high * scale, dx is 0 and
          dscale is finite; with the minus sign, low.
        * g infinite or NaN outside the bounds: dx is 0 there all the same.
        * low = 0 or high = 0 (zero_point at an end): x = 0 is outside then, dx is 0 there.

    Forbidden:
        `torch.fake_quantize_per_tensor_affine`, `torch.fake_quantize_per_channel_affine`,
        `torch._fake_quantize_learnable_per_tensor_affine` and `torch.quantize_per_tensor`, and
        letting autograd differentiate (with `torch.enable_grad` or `torch.autograd.grad`): write
        forward and backward.

    Example:
        >>> x = torch.tensor([-1.0, 0.25, 0.75, 9.0], requires_grad=True)
        >>> scale = torch.tensor(0.5, requires_grad=True)
        >>> y = FakeQuant.apply(x, scale, 1, 0, 7)
        >>> y.tolist()  # v is -2, 0.5, 1.5, 18, between -1 and 6
        [-0.5, 0.0, 1.0, 3.0]
        >>> y.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        >>> x.grad.tolist()
        [0.0, 2.0, 3.0, 0.0]
        >>> scale.grad.item()  # 1 * -1 + 2 * -0.5 + 3 * 0.5 + 4 * 6
        23.5

    Source:
        Esser et al., "Learned Step Size Quantization" (2020, arXiv:1902.08153), equations 1 to 3
        and 5, there without a zero-point. Straight-through: Bengio, Leonard and Courville,
        "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
        Computation" (2013, arXiv:1308.3432).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, zero_point: int, qmin: int, qmax: int
    ) -> Tensor:
        """Return y, of the shape of x, and keep what `backward` needs."""
        if scale.dim() != 0:
            raise ValueError(f"`scale` must have the shape [], not {list(scale.shape)}")
        if not qmin <= zero_point <= qmax or qmin == qmax:
            raise ValueError(f"{qmin} <= {zero_point} <= {qmax} must hold, with room between")
        ctx.save_for_backward(x, scale)
        ctx.bounds = low, high = qmin - zero_point, qmax - zero_point
        steps = _steps(x, scale).clamp(low, high).round()
        return (steps * scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        """Return the gradients for x, [...], and for scale, [], from the one of y, [...]."""
        x, scale = ctx.saved_tensors
        low, high = ctx.bounds
        v = _steps(x, scale)
        inside = (low < v) & (v < high)
        grad_x = grad_scale = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.where(inside, grad, 0)
        if ctx.needs_input_grad[1]:
            # Chosen rather than multiplied by a mask: infinity times 0 is NaN.
            slope = torch.where(inside, v.round() - v, v.clamp(low, high))
            grad_scale = (grad * slope).sum().to(scale.dtype)
        return grad_x, grad_scale, None, None, None


def _steps(x: Tensor, scale: Tensor) -> Tensor:
    """Return x in steps of the scale, in float32 at least, where 8 bits keep their fractions."""
    return x.to(torch.promote_types(x.dtype, torch.float32)) / scale
