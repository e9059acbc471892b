"""Where a token stands: rotary embeddings of queries and keys, and the table of sinusoids."""

from __future__ import annotations

import torch
from torch import Tensor

_BASE = 10_000.0


def rope(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    r"""Return `x` with each pair of neighbouring features rotated by an angle of its position.

    The D features of a token are D/2 points in the plane, pair i = 0, ..., D/2 - 1 being features
    2i and 2i + 1. A token at position p has pair i turned by the angle p * theta^(-2i/D)::

        y_(2i)   = x_(2i) * cos(angle) - x_(2i+1) * sin(angle)
        y_(2i+1) = x_(2i) * sin(angle) + x_(2i+1) * cos(angle)

    So the dot product of a rotated query and a rotated key depends on the distance of their
    positions only.

    Args:
        x: [..., T, D] with D even: queries or keys, with any number of leading axes (batch, heads).
        positions: [..., T], the position of each token: integers or floating-point numbers, in any
            order, negative and fractional ones included. It is [T], or has leading axes that
            broadcast to those of `x`. Positions are data and require no gradient.
        theta: the base of the wavelengths; positive. 10,000 is usual.

        `x` is float64, float32, bfloat16 or float16. Both tensors are on one device, may have any
        strides, and are not changed.

    Returns:
        y, of the shape and dtype of `x`, in memory of its own. The angles are computed in float64
        whatever the dtype of `x`, so that position 100,000 is as exact as position 1; unless `x`
        is float64, cosine and sine may be rounded to float32 for the products. For bfloat16 and
        float16 the products are computed in float32 at least, and y is rounded once, at the end.
        No tensor is made that has more elements than `x`: a D x D matrix for each token is not
        the way.

    Raises:
        ValueError: `x` has fewer than two axes, D is not a positive even number, the last axis of
            `positions` is not of length T (that axis is not broadcast), or `theta` is zero or
            negative.

    Edge cases:
        * T = 0, or an empty leading axis: y is empty.
        * D = 2: one pair, turned by the position itself, whatever `theta` is.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        At position 1 the first pair turns by 1, the second by 100^(-2/4) = 0.1.

        >>> x = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
        >>> rope(x, torch.tensor([1]), theta=100.0)
        tensor([[ 0.5403,  0.8415, -0.0998,  0.9950]])

    Source:
        Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021,
        arXiv:2104.09864), sections 3.2 and 3.4.
    """
    if x.dim() <= 1:
        raise ValueError(f"`x` must have the shape [..., T, D], not {list(x.shape)}")
    if positions.shape[-1:] != x.shape[-2:-1]:
        raise ValueError(f"`positions` must have the length {x.shape[-2]} on its last axis")
    if theta <= 0:
        raise ValueError(f"`theta` must be positive, not {theta}")
    angles = _angles(positions, x.shape[-1], theta)  # [..., T, D/2]
    cos, sin = angles.cos(), angles.sin()
    even, odd = x[..., ::2], x[..., 1::2]  # [..., T, D/2] each
    # The angles bring their float64 into the products, whatever the dtype of x.
    pairs = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    return pairs.flatten(-2).to(x.dtype)  # [..., T, D/2, 2] -> [..., T, D]


def sinusoidal(length: int, dim: int) -> Tensor:
    r"""Return the table of sinusoids that the first transformer added to its embeddings.

    For t = 0, ..., T - 1 and i = 0, ..., D/2 - 1, with T the length and D the dimension::

        table[t, 2i]     = sin(t * 10000^(-2i/D))
        table[t, 2i + 1] = cos(t * 10000^(-2i/D))

    Args:
        length: T, the number of positions; 0 is allowed.
        dim: D, the number of features; even.

    Returns:
        The table, [T, D] in float32, whatever PyTorch's default dtype is, on the CPU. It is
        computed in float64 and rounded at the end.

    Raises:
        ValueError: `dim` is not a positive even number, or `length` is negative.

    Edge cases:
        * T = 0: the table has the shape [0, D].

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        >>> sinusoidal(2, 4)
        tensor([[0.0000, 1.0000, 0.0000, 1.0000],
                [0.8415, 0.5403, 0.0100, 0.9999]])

    Source:
        Vaswani et al., "Attention Is All You Need" (2017, arXiv:1706.03762), section 3.5.
    """
    if length < 0:
        raise ValueError(f"`length` must not be negative, and is {length}")
    angles = _angles(torch.arange(length), dim, _BASE)  # [T, D/2]
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2).float()  # [T, D]


def _angles(positions: Tensor, dim: int, base: float) -> Tensor:
    """Return the angle of each pair at each position, [..., T, D/2] in float64."""
    if dim <= 0 or dim % 2:
        raise ValueError(f"features come in pairs: D must be positive and even, not {dim}")
    # float32 has seven digits: at position 100,000 five of them stand before the point.
    exponents = torch.arange(0, dim, 2, dtype=torch.float64, device=positions.device) / dim
    return positions.unsqueeze(-1) * base**-exponents
