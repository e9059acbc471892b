"""The logarithm of a sum of exponentials, over the elements that a mask lets take part."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def mlse(x: Tensor, mask: Tensor, dim: int) -> Tensor:
    r"""Return log(sum(exp(x))) along `dim`, over the elements where `mask` is True.

    For each line of x along `dim`, with the sum over the j that take part (mask[j] is True)::

        m     = max(x[j])
        y     = log(sum(exp(x[j])))  =  m + log(sum(exp(x[j] - m)))

        dy/dx[j] = exp(x[j] - y)    where mask[j] is True: the softmax of those that take part
        dy/dx[j] = 0                where mask[j] is False

    The second form of y is the one to compute: no exponent is positive, so none overflows, and
    one is 0, so the sum is at least 1.

    Args:
        x: [...], at least one axis, any strides; float64, float32, bfloat16 or float16. It is
            finite or -inf where the mask is True. Where the mask is False anything may stand, NaN
            and inf included.
        mask: bool, of the shape of x or one that broadcasts to it (the result has no more axes
            for it); on the device of x. True means that the element takes part.
        dim: the axis that is summed over, from -x.dim() to x.dim() - 1; negative ones count from
            the end.

        Neither tensor is changed.

    Returns:
        y, of the shape of x without the axis `dim`, in the dtype of x. bfloat16 and float16 are
        computed in float32, and y is rounded at the end. y is differentiable in x, twice at
        least.

    Raises:
        ValueError: `mask` is not of dtype bool, or does not broadcast to the shape of x.
        IndexError: `dim` names no axis of x.

    Edge cases:
        * No element of a line takes part (all are masked, or the axis has length 0): y is -inf,
          and the gradient of the line is 0, not NaN.
        * An element of -inf that takes part adds nothing, and its gradient is 0. If all are such,
          y is -inf, and the gradient of the line is 0.
        * Whatever stands where the mask is False, such as NaN, inf or 1e30, reaches neither y
          nor the gradient: there it is exactly 0.
        * Large inputs: y and the gradient are finite, and right, for |x| = 1e4 in float32 and 300
          in float16, and for a float16 sum of more than 65,504 terms.
        * Another axis than `dim` has length 0: y has no elements.

    Forbidden:
        `torch.logsumexp`, under any of its names: its gradient is NaN where all elements are
        -inf. `torch.masked.logsumexp`, too.

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 99.0], [1.0, 2.0, 3.0]], requires_grad=True)
        >>> mask = torch.tensor([[True, True, False], [False, False, False]])
        >>> y = mlse(x, mask, dim=1)
        >>> [round(v, 4) for v in y.tolist()]  # the logarithm of 2, and of 0
        [0.6931, -inf]
        >>> y[0].backward()
        >>> x.grad.tolist()
        [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]

    Source:
        Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions"
        (IMA Journal of Numerical Analysis 41, 2021): the shift by the maximum, and its rounding
        errors.
    """
    kept = _masked(x, mask)
    if kept.shape[dim] == 0:  # there is no maximum
        return x.sum(dim) - math.inf
    # Any shift gives the same y, so the maximum needs no gradient; -inf would make inf - inf.
    top = kept.detach().amax(dim)
    top = top.masked_fill(top == -math.inf, 0)
    total = (kept - top.unsqueeze(dim)).exp().sum(dim)  # [..., n, ...] -> [...]
    nothing = total == 0
    # Filled before the logarithm, whose slope at 0 is infinite, and again behind it.
    log = total.masked_fill(nothing, 1).log().masked_fill(nothing, -math.inf)
    return (top + log).to(x.dtype)


def _masked(x: Tensor, mask: Tensor) -> Tensor:
    """Return x in float32 or wider, with -inf where the mask is False."""
    if mask.dtype != torch.bool:
        raise ValueError(f"`mask` must be of dtype bool, not {mask.dtype}")
    try:
        out = ~mask.expand_as(x)
    except RuntimeError as error:
        shapes = f"{tuple(mask.shape)} does not broadcast to {tuple(x.shape)}"
        raise ValueError(f"`mask` of shape {shapes}, the shape of `x`") from error
    return x.to(torch.promote_types(x.dtype, torch.float32)).masked_fill(out, -math.inf)
