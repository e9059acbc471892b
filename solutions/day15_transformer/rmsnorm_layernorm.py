"""The two normalizations of transformers: by the root mean square, and by mean and deviation."""

from __future__ import annotations

import torch
from torch import Tensor


def rmsnorm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    r"""Return the rows of `x`, each divided by its root mean square, times `gain`.

    A row is what lies along the last axis. For each row, with sums and means over its D numbers::

        y_i = gain_i * x_i / sqrt(mean(x^2) + eps)

    The epsilon stands inside the square root. Every row is normalised on its own, and gradients
    flow through the root mean square as well.

    Args:
        x: [..., D] with D at least 1: any number of leading axes, none and empty ones included.
        gain: [D], the learned scale.
        eps: what is added to the mean square; positive.

        `x` and `gain` share one dtype (float64, float32, bfloat16 or float16) and one device.
        They may have any strides, and are not changed.

    Returns:
        y, of the shape and dtype of `x`, in memory of its own. bfloat16 and float16 are computed
        in float32 at least, the product with `gain` included, and rounded once, at the end.

    Raises:
        ValueError: `x` has no axis, `gain` does not have the shape [D] (nothing is broadcast), or
            `eps` is zero or negative.

    Edge cases:
        * A row of zeros: y is 0 there, and its gradient is that of y_i = gain_i * x_i / sqrt(eps).
        * D = 1: y = gain * x / sqrt(x^2 + eps).
        * |x| of 1e4 in float32 and bfloat16, and of 300 in float16, overflows nowhere, neither in
          the value nor in the gradients.

    Forbidden:
        PyTorch's own normalizations: `layer_norm`, `rms_norm`, `group_norm`, `instance_norm` and
        `batch_norm` of `torch.nn.functional`, and the modules made of them.

    Example:
        The mean square of (3, 4) is 12.5, and sqrt(12.5 + 3.5) is 4.

        >>> rmsnorm(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0]), eps=3.5)
        tensor([0.7500, 2.0000])

    Source:
        Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019, arXiv:1910.07467),
        equation 4. The epsilon is usual in implementations.
    """
    _check(x, eps, gain)
    return (_unit_rows(_widened(x), eps) * gain).to(x.dtype)


def layernorm(x: Tensor, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
    r"""Return the rows of `x`, each centred and divided by its deviation, times `gain` plus `bias`.

    A row is what lies along the last axis. For each row, with sums and means over its D numbers::

        mu  = mean(x)
        var = mean((x - mu)^2)                             divided by D, not by D - 1
        y_i = gain_i * (x_i - mu) / sqrt(var + eps) + bias_i

    The epsilon stands inside the square root. Every row is normalised on its own, and gradients
    flow through both statistics.

    Args:
        x: [..., D] with D at least 1: any number of leading axes, none and empty ones included.
        gain: [D], the learned scale.
        bias: [D], the learned offset.
        eps: what is added to the variance; positive.

        The three tensors share one dtype (float64, float32, bfloat16 or float16) and one device.
        They may have any strides, and are not changed.

    Returns:
        y, of the shape and dtype of `x`, in memory of its own. bfloat16 and float16 are computed
        in float32 at least, `gain` and `bias` included, and rounded once, at the end.

    Raises:
        ValueError: `x` has no axis, `gain` or `bias` does not have the shape [D] (nothing is
            broadcast), or `eps` is zero or negative.

    Edge cases:
        * A row of equal numbers, one of zeros or with D = 1 included: y is `bias` there, and its
          gradient is that of y_i = gain_i * (x_i - mu) / sqrt(eps) + bias_i.
        * |x| of 1e4 in float32 and bfloat16, and of 300 in float16, overflows nowhere, neither in
          the value nor in the gradients.
        * A mean of 1e4 beside a deviation of 1 is taken off before anything is squared: in float32
          mean(x^2) - mu^2 would keep no correct digit.

    Forbidden:
        What is forbidden in `rmsnorm`.

    Example:
        The mean of (1, 5) is 3 and the variance 4, and sqrt(4 + 12) is 4.

        >>> row, gain, bias = torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]), torch.ones(2)
        >>> layernorm(row, gain, bias, eps=12.0)
        tensor([0.5000, 2.0000])

    Source:
        Ba, Kiros and Hinton, "Layer Normalization" (2016, arXiv:1607.06450), section 3. The
        epsilon is usual in implementations.
    """
    _check(x, eps, gain, bias)
    wide = _widened(x)
    centred = wide - wide.mean(dim=-1, keepdim=True)
    # The variance is the mean square of what is centred.
    return (_unit_rows(centred, eps) * gain + bias).to(x.dtype)


def _check(x: Tensor, eps: float, *parameters: Tensor) -> None:
    if x.dim() == 0:
        raise ValueError("`x` must have the shape [..., D], not []")
    for parameter in parameters:
        if parameter.shape != x.shape[-1:]:
            found = f"not {list(parameter.shape)}"
            raise ValueError(f"gain and bias must have the shape [{x.shape[-1]}], {found}")
    if eps <= 0:
        raise ValueError(f"`eps` must be positive, not {eps}")


def _widened(x: Tensor) -> Tensor:
    """Return x in float32 at least: float16 cannot hold the square of 300."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _unit_rows(x: Tensor, eps: float) -> Tensor:
    """Return x, [..., D], with the mean square of each row brought to 1, up to the epsilon."""
    mean_square = x.square().mean(dim=-1, keepdim=True)  # [..., 1]
    return x * torch.rsqrt(mean_square + eps)
