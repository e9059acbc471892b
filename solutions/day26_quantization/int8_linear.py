"""A linear layer on int8 codes: integer products, one rescaling at the end."""

from __future__ import annotations

import torch
from torch import Tensor


def int8_linear(
    x_q: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    w_q: Tensor,
    w_scale: Tensor,
    w_zero: Tensor,
    bias: Tensor,
) -> Tensor:
    r"""Return x @ w.T + bias for x and w given as int8 codes.

    The codes stand for the real numbers::

        x[b, k] = x_scale    * (x_q[b, k] - x_zero)        one scale for all of x
        w[o, k] = w_scale[o] * (w_q[o, k] - w_zero[o])     one scale for each output

    so the layer is a sum of integers, rescaled once at the end::

        acc[b, o] = sum over k of (x_q[b, k] - x_zero) * (w_q[o, k] - w_zero[o])
        y[b, o]   = x_scale * w_scale[o] * acc[b, o] + bias[o]

    Multiplied out, the sum has four terms (the product of the codes and three corrections by the
    zero-points), which is how an int8 kernel computes it; either way is right here.

    acc is exact, as in an int32 accumulator: with K up to 32,768 it stays below 2^31. It does not
    fit into int8, and float32 holds every integer up to 2^24 only, which 259 products can reach.
    (On CUDA PyTorch multiplies no int32 matrices; float64 is exact up to 2^53 everywhere.)

    Args:
        x_q: [B, K], int8, the codes of the input, -128 to 127.
        x_scale: [], float32, positive, the step of the input.
        x_zero: [], int32, the code of 0.0 in the input, -128 to 127.
        w_q: [O, K], int8, the codes of the weight.
        w_scale: [O], float32, positive, the step of each output's weights.
        w_zero: [O], int32, the code of 0.0 in each output's weights, -128 to 127.
        bias: [O], float32, in the units of y: it is real, not quantized.

        All on one device, with any strides. They are not changed.

    Returns:
        y: [B, O], float32.

    Raises:
        ValueError: x_q and w_q are not matrices with the same K, w_scale, w_zero and bias are not
            all of shape [O], or x_scale and x_zero not of shape []. Nothing is broadcast.

    Edge cases:
        * K = 0: y is the bias in every row.
        * B = 0 or O = 0: y is empty.

    Memory:
        No tensor has more than 2 * max(B * K, O * K, B * O) elements: not all B * O * K products
        at once.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        >>> y = int8_linear(
        ...     x_q=torch.tensor([[127, -128, 3]], dtype=torch.int8),
        ...     x_scale=torch.tensor(0.5),
        ...     x_zero=torch.tensor(-128, dtype=torch.int32),
        ...     w_q=torch.tensor([[1, 2, 3], [-4, 0, 4]], dtype=torch.int8),
        ...     w_scale=torch.tensor([0.25, 2.0]),
        ...     w_zero=torch.tensor([0, -1], dtype=torch.int32),
        ...     bias=torch.tensor([1.0, -1.0]),
        ... )
        >>> y  # acc is 255 * 1 + 131 * 3 = 648, and 255 * -3 + 131 * 5 = -110
        tensor([[  82., -111.]])

    Source:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-
        Arithmetic-Only Inference" (2018, arXiv:1712.05877), section 2.2 (integer products),
        section 2.3 (the four terms). A scale for each output: Krishnamoorthi (2018,
        arXiv:1806.08342), section 2.
    """
    if (x_q.dim(), w_q.dim()) != (2, 2) or x_q.shape[1] != w_q.shape[1]:
        raise ValueError(f"{list(x_q.shape)} and {list(w_q.shape)} must be [B, K] and [O, K]")
    if {w_scale.shape, w_zero.shape, bias.shape} != {w_q.shape[:1]}:
        raise ValueError("`w_scale`, `w_zero` and `bias` must have one number for each output")
    if x_scale.dim() or x_zero.dim():
        raise ValueError("`x_scale` and `x_zero` must have the shape []")
    # Exact up to 2^53, and the one exact matrix product that CPU and GPU both have.
    x, w = x_q.to(torch.float64), w_q.to(torch.float64)
    acc = (x - x_zero) @ (w - w_zero[:, None]).T  # [B, K] @ [K, O] -> [B, O]
    return (acc * (x_scale * w_scale) + bias).to(torch.float32)
