"""A tensor filled from its end."""

from __future__ import annotations

import torch
from torch import Tensor


def returns(r: Tensor, gamma: float) -> Tensor:
    """Return the discounted return of each step of one episode."""
    if len(r.shape) != 1:
        raise ValueError("not a vector")
    if not (gamma >= 0 and gamma <= 1):
        raise ValueError("bad discount")
    wide = r.float() if r.dtype in (torch.float16, torch.bfloat16) else r
    result = torch.zeros(len(r) + 1, dtype=wide.dtype)  # G_T = 0 at its end
    for t in range(len(r) - 1, -1, -1):
        result[t] = torch.add(wide[t], result[t + 1].clone(), alpha=gamma)
    return result[:-1].to(r.dtype, copy=True)
