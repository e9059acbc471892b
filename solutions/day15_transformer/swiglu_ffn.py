"""The gated feed-forward network of today's transformers, and how wide it is made."""

from __future__ import annotations

import torch
from torch import Tensor


def ffn(x: Tensor, gate: Tensor, down: Tensor, up: Tensor) -> Tensor:
    r"""Return what the SwiGLU feed-forward network makes of each token of `x`.

    With silu(z) = z * sigmoid(z), sigmoid(z) = 1 / (1 + exp(-z)), and the product of the two
    branches elementwise::

        hidden = silu(gate x) * (up x)      F numbers for each token
        y      = down hidden                D numbers for each token

    The three matrices are the W1, W2 and W3 of many implementations, in this order.

    Args:
        x: [..., D], the tokens, with any number of leading axes, none and empty ones included.
        gate: [F, D], the matrix of the branch that goes through SiLU.
        down: [D, F], the matrix that leads back.
        up: [F, D], the matrix of the branch that stays linear.

        D and F are at least 1. The four tensors share one dtype (float64, float32, bfloat16 or
        float16) and one device. They may have any strides, and are not changed.

    Returns:
        y, of the shape and dtype of `x`. Half precision may be rounded after each step, or computed
        in float32.

    Raises:
        ValueError: `x` has no axis, `gate` does not have two axes the second of which has length D,
            `up` does not have the shape of `gate`, or `down` does not have the shape [D, F].
            Nothing is broadcast.

    Edge cases:
        * A gate's z of +-10,000 in float32, or +-300 in float16: value and gradients are finite
          and right, wherever what is to be computed fits. silu(z) is z for large z and 0 for very
          negative ones, also where z times the other branch overflows. (exp(10,000) is infinite,
          and infinity times a vanishing slope is NaN.)
        * Empty leading axes: y is empty, and the gradients of the matrices are 0.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        The gate's branch gives silu(1) = 0.7311 and silu(2) = 1.7616, the other 3 and 4.

        >>> one = torch.tensor([1.0])
        >>> gate, up = torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [4.0]])
        >>> y = ffn(one, gate, down=torch.tensor([[1.0, 10.0]]), up=up)
        >>> round(y.item(), 3)  # 3 * 0.7311 + 10 * 4 * 1.7616
        72.657

    Source:
        Shazeer, "GLU Variants Improve Transformer" (2020, arXiv:2002.05202), equation 6.
    """
    if x.dim() == 0 or gate.shape[1:] != x.shape[-1:]:
        raise ValueError("`x` must have the shape [..., D] and `gate` the shape [F, D]")
    if up.shape != gate.shape:
        raise ValueError(f"`up` must have the shape {list(gate.shape)} of `gate`")
    if down.shape != gate.T.shape:
        raise ValueError(f"`down` must have the shape {list(gate.T.shape)}, [D, F]")
    z = x @ gate.T  # [..., F]
    # Not z * sigmoid(z): its backward multiplies z by what comes from `up`, which overflows float16
    # where the slope is 0.
    hidden = torch.nn.functional.silu(z) * (x @ up.T)
    return hidden @ down.T  # [..., D]


def hidden_dim(dim: int, multiple: int) -> int:
    r"""Return F, the least multiple of `multiple` that is not below 8 * dim / 3.

    A network without a gate has two matrices of 4 D rows or columns; three matrices of 8 D / 3
    hold as many numbers. Hardware likes sizes that are multiples of 64 or 256.

    Args:
        dim: D, the number of features of a token.
        multiple: what F must be divisible by.

    Returns:
        F, exact for integers of any size.

    Raises:
        ValueError: `dim` or `multiple` is zero or negative.

    Edge cases:
        * 8 * dim / 3 is a multiple itself: it is the result.
        * `multiple` = 1: 8 * dim / 3 rounded up to an integer.

    Forbidden:
        Nothing.

    Example:
        >>> hidden_dim(4096, 256)  # 10922.7, of which 43 * 256 is the next multiple
        11008

    Source:
        Shazeer (2020, see `ffn`), for the factor 2/3. Rounding up to a multiple is usual in
        implementations.
    """
    if dim <= 0 or multiple <= 0:
        raise ValueError(f"`dim` ({dim}) and `multiple` ({multiple}) must be positive")
    # -(-a // b) is a / b rounded up, in integers.
    return -(-8 * dim // (3 * multiple)) * multiple
