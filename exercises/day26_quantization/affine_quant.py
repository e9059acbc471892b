"""Affine quantization: real numbers as int8 codes, a scale and a zero-point, and back."""

from __future__ import annotations

import torch
from torch import Tensor


def quant(
    x: Tensor, bits: int, *, symmetric: bool, axis: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return codes, scale and zero-point of x, with 0.0 represented exactly.

    A channel is the slice of x at one index of `axis`, or all of x if `axis` is None. With the
    minimum and maximum taken over a channel::

        low  = min(0, min(x))                             the range always holds 0
        high = max(0, max(x))

        asymmetric:   qmin = -2^(bits-1),   qmax = 2^(bits-1) - 1
                      scale      = (high - low) / (qmax - qmin)
                      zero_point = qmin - round(low / scale)

        symmetric:    qmin = -qmax,         qmax = 2^(bits-1) - 1
                      scale      = max(-low, high) / qmax
                      zero_point = 0

        q = clamp(round(x / scale) + zero_point, qmin, qmax)

    `round` goes to the nearest integer, ties to the even one, as `torch.round` does; the
    zero-point is added after rounding. No epsilon is added anywhere.

    Args:
        x: [...], at least one element, finite; float64, float32, bfloat16 or float16, any
            strides. It may require a gradient and is not changed. Nonzero ranges lie between
            1e-30 and 1e30.
        bits: width of the codes, 2 to 8.
        symmetric: whether the codes are symmetric about 0, so that -2^(bits-1) is never used.
        axis: the axis of x whose C slices get a scale and a zero-point each; negative ones count
            from the end. None gives one scale and one zero-point for the whole tensor.

    Returns:
        * q: the codes, of the shape of x, int8 for every `bits`.
        * scale: the size of one step, [C], or [] if `axis` is None; float64 for x in float64,
          otherwise float32, in which the low precisions are computed.
        * zero_point: the code of 0.0, in the shape of scale, int32.

        They carry no graph and share no memory with x.

    Raises:
        ValueError: `bits` is not 2 to 8, or x is empty or holds NaN or infinity.
        IndexError: `axis` is not an axis of x.

    Edge cases:
        * A channel of zeros alone: scale 1. Asymmetric, zero_point and q are then qmin;
          symmetric, 0.
        * A channel on one side of 0: its range still reaches to 0, so 0.0 has a code.
        * x of shape [C] with axis 0: every element is a channel of its own.

    Forbidden:
        The quantizers of PyTorch: `torch.quantize_per_tensor`, `torch.quantize_per_channel`,
        `torch.quantize_per_tensor_dynamic`, `torch.fake_quantize_per_tensor_affine` and
        `torch.fake_quantize_per_channel_affine`. Write the arithmetic.

    Example:
        >>> x = torch.tensor([-1.0, 0.0, 0.5, 2.0])
        >>> q, scale, zero_point = quant(x, bits=2, symmetric=False, axis=None)
        >>> q, scale, zero_point
        (tensor([-2, -1, -1,  1], dtype=torch.int8), tensor(1.), tensor(-1, dtype=torch.int32))
        >>> dequant(q, scale, zero_point, axis=None)
        tensor([-1.,  0.,  0.,  2.])

    Source:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-
        Arithmetic-Only Inference" (2018, arXiv:1712.05877), section 2.1, equation 1 (the affine
        map); Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference"
        (2018, arXiv:1806.08342), section 2 (both schemes, per-channel scales).
    """
    # TODO
    raise NotImplementedError("affine_quant: find range, scale, zero-point and codes")


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor, *, axis: int | None) -> Tensor:
    r"""Return the real numbers that codes stand for, `(q - zero_point) * scale`.

    Args:
        q: [...], codes as `quant` gives them, int8; empty ones too, any strides.
        scale: [C], or [] if `axis` is None; float32 or float64.
        zero_point: in the shape of scale, int32, from -128 to 127.
        axis: the axis of q to which the C scales belong, negative ones counted from the end, or
            None.

        They are not changed.

    Returns:
        The numbers, of the shape of q and in the dtype of scale. The difference q - zero_point
        lies between -255 and 255, which int8 cannot hold.
    """
    # TODO
    raise NotImplementedError("affine_quant: turn codes into numbers again")
