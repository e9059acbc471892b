"""Doubling: after k rounds each step knows its next 2^k rewards."""

from __future__ import annotations

import torch
from torch import Tensor


def returns(r: Tensor, gamma: float) -> Tensor:
    """Return the discounted return of each step of one episode."""
    if r.ndim != 1 or gamma < 0 or gamma > 1:
        raise ValueError("expected [T] and a gamma from 0 to 1")
    total = r.double().clone()
    reach = 1
    while reach < r.shape[0]:
        tail = torch.cat([total[reach:], total.new_zeros(reach)])
        total = total + gamma**reach * tail
        reach *= 2
    return total.to(r.dtype)
