"""Sliding windows over the last axis, as a view that copies nothing."""

from __future__ import annotations

import torch
from torch import Tensor


def windows(x: Tensor, width: int, step: int) -> Tensor:
    r"""Return all windows of `width` neighbours along the last axis, `step` apart, as a view of x.

    With T the length of the last axis::

        n               = floor((T - width) / step) + 1
        w[..., i, j]    = x[..., i * step + j]        for 0 <= i < n and 0 <= j < width

    Only whole windows count: what is left over at the end of the axis is in none. Windows overlap
    where step < width, and leave gaps between them where step > width.

    The result holds no numbers of its own. It is the memory of x, read with other sizes and
    strides: writing into x changes the windows that cover the place, and writing into a window
    changes x. `torch.as_strided` makes such a view.

    Args:
        x: [..., T], at least one axis, of any dtype; leading axes may be empty. It may be
            transposed, expanded, or a slice (with a step or an offset) of a larger tensor: its
            strides are whatever they are, and its first element may lie anywhere in its memory.
        width: elements in a window, from 1 to T.
        step: elements from the beginning of one window to that of the next, at least 1; it may
            be larger than T.

    Returns:
        w, [..., n, width], a view of x in its dtype; n is at least 1. Gradients flow back to x,
        where those of overlapping windows add up. x keeps its values, shape and strides.

    Raises:
        ValueError: x has no axis, `width` is below 1 or above T, or `step` is below 1.

    Edge cases:
        * width = T: one window, all of x.
        * width = 1, step = 1: T windows of one element.
        * step > T - width: one window, the first.
        * A leading axis of length 0: a result without elements, of shape [..., n, width].

    Forbidden:
        `Tensor.unfold` and its relatives in `torch.nn` (`functional.unfold`, `Unfold`), and
        NumPy's `sliding_window_view`.

    Example:
        >>> x = torch.arange(6)
        >>> windows(x, 3, 2).tolist()
        [[0, 1, 2], [2, 3, 4]]
        >>> w = windows(x, 4, 1)
        >>> x[2] = 20
        >>> w.tolist()
        [[0, 1, 20, 3], [1, 20, 3, 4], [20, 3, 4, 5]]

    Source:
        Harris et al., "Array programming with NumPy" (Nature 585, 2020), section "NumPy arrays":
        shape, strides and views. PyTorch's documentation of `torch.as_strided`.
    """
    if x.dim() == 0:
        raise ValueError("`x` has no axis to slide along: give it at least one")
    length = x.shape[-1]
    if not 1 <= width <= length:
        raise ValueError(f"`width` must be between 1 and the axis's length {length}, not {width}")
    if step < 1:
        raise ValueError(f"`step` must be at least 1, not {step}")

    n = (length - width) // step + 1
    stride = x.stride(-1)
    # The default storage offset is x's own, so the view begins where x does.
    return torch.as_strided(
        x,
        (*x.shape[:-1], n, width),  # [..., T] -> [..., n, width]
        (*x.stride()[:-1], step * stride, stride),
    )
