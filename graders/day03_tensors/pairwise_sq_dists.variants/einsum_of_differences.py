"""Multiplies the differences with themselves and sums in one `einsum`, in float64."""

from __future__ import annotations

import torch
from torch import Tensor


def pairwise_sq_dists(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared Euclidean distance of every row of a to every row of b."""
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError("expected two matrices")
    if a.size(-1) != b.size(-1):
        raise ValueError("expected points of one space")
    gaps = a.double()[:, None, :] - b.double()[None, :, :]
    return torch.einsum("nmd,nmd->nm", gaps, gaps).to(a.dtype)
