"""Attention in float64 whatever the inputs, with the softmax written out."""

from __future__ import annotations

import torch
from torch import Tensor


def sdpa(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    is_causal: bool = False,  # noqa: FBT001, FBT002 - as PyTorch's function has it
    p: float = 0.0,
    gen: torch.Generator | None = None,
) -> Tensor:
    """Return the values that each query attends to, averaged by its attention weights."""
    if q.size(-1) != k.size(-1) or k.size(-2) != v.size(-2) or p < 0 or p > 1:
        raise ValueError("q and k share D, k and v share S, and p is a probability")
    allowed = torch.ones(q.size(-2), k.size(-2), dtype=torch.bool, device=q.device)
    if is_causal:
        allowed = allowed.tril()
    logits = torch.einsum("...td,...sd->...ts", q.double(), k.double()) * q.size(-1) ** -0.5
    if mask is not None:
        if mask.dtype is torch.bool:
            allowed = allowed & mask
        elif mask.dtype.is_floating_point:
            allowed = allowed & (mask != -torch.inf)
            logits = logits + mask.double().masked_fill(mask == -torch.inf, 0)
        else:
            raise ValueError("a mask of integers says neither True nor how much")
    logits = logits.masked_fill(~allowed, -torch.inf)
    if logits.size(-1) > 0:
        peak = logits.detach().amax(dim=-1, keepdim=True).clamp(min=-1e300)
        logits = logits - peak
    weights = logits.exp()
    weights = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-300)
    if p > 0:
        coins = torch.bernoulli(torch.full_like(weights, 1 - p), generator=gen)
        weights = weights * coins / max(1 - p, 1e-300)
    return torch.einsum("...ts,...se->...te", weights, v.double()).to(q.dtype)
