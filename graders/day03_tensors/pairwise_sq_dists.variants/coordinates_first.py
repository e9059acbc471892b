"""Puts the coordinates first, and squares their differences with a power."""

from __future__ import annotations

import torch
from torch import Tensor


def pairwise_sq_dists(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared Euclidean distance of every row of a to every row of b."""
    match tuple(a.shape), tuple(b.shape):
        case ((_, d), (_, e)) if d == e:
            columns = a.T.unsqueeze(2) - b.T.unsqueeze(1)  # [D, N, M]
            return torch.sum(columns**2, dim=0)
    raise ValueError("expected [N, D] and [M, D]")
