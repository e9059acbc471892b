"""Four small tensors, each picked from another one, or made, by indexing."""

from __future__ import annotations

import torch
from torch import Tensor


def diagonal(x: Tensor) -> Tensor:
    r"""Return the diagonal of a square matrix: y[i] = x[i, i].

    Index x with two tensors of row and column numbers: this is advanced indexing, and it copies.

    Args:
        x: [n, n], any dtype and strides.

    Returns:
        y, [n], in the dtype of x and in memory of its own. Gradients flow back to x.

    Edge cases:
        n = 0: y is empty.

    Forbidden:
        In all four functions: loops and comprehensions; `torch.diagonal`, `torch.diag`,
        `torch.gather`, `torch.take_along_dim`, `torch.index_select`, `torch.einsum` and
        `torch.as_strided`.

    Example:
        >>> diagonal(torch.tensor([[1, 2], [3, 4]])).tolist()
        [1, 4]

    Source:
        Harris et al., "Array programming with NumPy" (Nature 585, 2020), section "NumPy arrays":
        indexing that gives views, and indexing that gives copies.
    """
    # TODO
    raise NotImplementedError("tensor_tour: pick the diagonal")


def every_other_row(x: Tensor) -> Tensor:
    r"""Return rows 0, 2, 4, … of a matrix, as a view: y[i, j] = x[2 i, j].

    Index x with a slice: this is basic indexing, and it copies nothing. Writing into y changes x.

    Args:
        x: [n, m], any dtype and strides.

    Returns:
        y, [ceil(n / 2), m], a view of x in its dtype. Gradients flow back to x.

    Edge cases:
        An odd n: the last row is among them. n = 0 or m = 0: y is empty.

    Forbidden:
        In all four functions: loops and comprehensions; `torch.diagonal`, `torch.diag`,
        `torch.gather`, `torch.take_along_dim`, `torch.index_select`, `torch.einsum` and
        `torch.as_strided`.

    Example:
        >>> every_other_row(torch.tensor([[1, 2], [3, 4], [5, 6]])).tolist()
        [[1, 2], [5, 6]]

    Source:
        The same.
    """
    # TODO
    raise NotImplementedError("tensor_tour: slice the rows")


def take(x: Tensor, y: Tensor) -> Tensor:
    r"""Return one element of each row: z[i] = x[i, y[i]].

    A cross-entropy picks the log-probabilities of the true classes so. `x[:, y]` is something
    else: it takes all columns of y from every row, [N, N].

    Args:
        x: [N, C], any dtype and strides, such as scores of C classes for N samples.
        y: [N], int64, the column that is taken from each row, from 0 to C - 1.

    Returns:
        z, [N], in the dtype of x and in memory of its own. Gradients flow back to x.

    Edge cases:
        N = 0: z is empty.

    Forbidden:
        In all four functions: loops and comprehensions; `torch.diagonal`, `torch.diag`,
        `torch.gather`, `torch.take_along_dim`, `torch.index_select`, `torch.einsum` and
        `torch.as_strided`.

    Example:
        >>> take(torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([2, 0])).tolist()
        [3, 4]

    Source:
        The same.
    """
    # TODO
    raise NotImplementedError("tensor_tour: pick one element of each row")


def checkerboard(h: int, w: int) -> Tensor:
    r"""Return a board of zeros and ones: c[i, j] = (i + j) mod 2.

    Index `arange` with None to make a column of row numbers, and let it broadcast.

    Args:
        h: the number of rows, at least 0.
        w: the number of columns, at least 0.

    Returns:
        c, [h, w], int64, of 0 and 1; c[0, 0] is 0.

    Edge cases:
        h = 0 or w = 0: c is empty, of shape [h, w].

    Forbidden:
        In all four functions: loops and comprehensions; `torch.diagonal`, `torch.diag`,
        `torch.gather`, `torch.take_along_dim`, `torch.index_select`, `torch.einsum` and
        `torch.as_strided`.

    Example:
        >>> checkerboard(2, 3).tolist()
        [[0, 1, 0], [1, 0, 1]]

    Source:
        The same.
    """
    # TODO
    raise NotImplementedError("tensor_tour: add row and column numbers")
