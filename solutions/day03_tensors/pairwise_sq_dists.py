"""Squared distances between all rows of two matrices."""

from __future__ import annotations

import torch
from torch import Tensor


def pairwise_sq_dists(a: Tensor, b: Tensor) -> Tensor:
    r"""Return the squared Euclidean distance of every row of a to every row of b.

    ::

        d[i, j] = sum((a[i, k] - b[j, k])^2)     over k = 0 .. D - 1

    Subtract first, then square, then sum. The expansion |a|^2 + |b|^2 - 2 a.b takes less memory,
    but subtracts numbers that are nearly equal: for neighbours far from the origin few digits
    remain, or none, and squared distances below zero appear.

    Args:
        a: [N, D], N points, any strides; float64, float32, bfloat16 or float16.
        b: [M, D], M points, in the dtype and on the device of a. It may be a itself.

        Neither is changed.

    Returns:
        d, [N, M], in the dtype of a, in units of a squared. It is differentiable in both.

    Raises:
        ValueError: a or b has not two axes, or their numbers of columns differ (a single column
            is not broadcast either).

    Edge cases:
        * N = 0 or M = 0: d has no elements, and the shape [N, M].
        * D = 0: d is 0 everywhere.
        * Equal points: d is exactly 0, and so is what they add to the gradient.
        * Neighbours at a distance of 1, both 10,000 away from the origin in float32: d has full
          precision. No element of d is ever negative.
        * A squared distance too large for the dtype (a distance of 300 in float16) is inf.

    Forbidden:
        Loops over points, in Python or by `torch.vmap`: the number of operations does not depend
        on N, M or D. `torch.cdist`, `torch.nn.functional.pairwise_distance` and
        `torch.nn.PairwiseDistance`.

    Example:
        >>> a = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
        >>> b = torch.tensor([[0.0, 0.0], [0.0, 4.0], [1.0, 1.0]])
        >>> pairwise_sq_dists(a, b).tolist()
        [[0.0, 16.0, 2.0], [25.0, 9.0, 13.0]]

    Source:
        Harris et al., "Array programming with NumPy" (Nature 585, 2020), section "NumPy arrays":
        broadcasting. For cancellation: Goldberg, "What every computer scientist should know about
        floating-point arithmetic" (ACM Computing Surveys 23, 1991), section 1.4.
    """
    if not a.dim() == b.dim() == 2 or a.shape[1] != b.shape[1]:  # noqa: PLR2004 - [N, D], [M, D]
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"`a` and `b` must be [N, D] and [M, D] with one D, not {shapes}")
    differences = a.unsqueeze(1) - b  # [N, 1, D] - [M, D] -> [N, M, D]
    return torch.sum(differences * differences, dim=-1)  # [N, M, D] -> [N, M]
