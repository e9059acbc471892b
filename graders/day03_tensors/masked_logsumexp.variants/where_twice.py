"""Uses `torch.where` before and after each operation that could give NaN; no -inf is filled in."""

from __future__ import annotations

import torch
from torch import Tensor


def mlse(x: Tensor, mask: Tensor, dim: int) -> Tensor:
    """Return log(sum(exp(x))) along `dim`, over the elements where `mask` is True."""
    if mask.dtype != torch.bool or mask.dim() > x.dim():
        raise ValueError("expected a bool mask with no more axes than x")
    try:
        mask = torch.broadcast_to(mask, x.shape)
    except RuntimeError:
        raise ValueError("expected a mask that broadcasts to x") from None
    dtype = x.dtype
    if dtype in (torch.float16, torch.bfloat16):
        x = x.to(torch.float32)

    active = mask & ~torch.isneginf(x)
    safe = torch.where(active, x, 0.0)
    lowest = torch.finfo(safe.dtype).min
    if not x.size(dim):
        return (safe.sum(dim) - torch.inf).to(dtype)
    peak = torch.where(active, x, lowest).max(dim, keepdim=True)[0]
    shifted = torch.where(active, safe - peak, 0.0)
    terms = torch.where(active, shifted.exp(), 0.0)
    some = active.any(dim)
    total = torch.where(some, terms.sum(dim), 1.0)
    y = torch.where(some, total.log() + peak.squeeze(dim), -torch.inf)
    return y.to(dtype)
