"""Attention with a running maximum: one key after the other, as in FlashAttention."""

from __future__ import annotations

import math

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
    (t, d), (s, e) = q.shape[-2:], v.shape[-2:]
    if k.shape[-1] != d or k.shape[-2] != s or not 0 <= p <= 1:
        raise ValueError("shapes do not fit, or p is no probability")
    if mask is not None and mask.dtype != torch.bool and not torch.is_floating_point(mask):
        raise ValueError("the mask must be boolean or floating point")
    dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
    query, key, value = q.to(dtype) / math.sqrt(d), k.to(dtype), v.to(dtype)
    lead = (q[..., :1, :1] * k[..., :1, :1]).shape[:-2]
    kept = torch.ones(*lead, t, s, dtype=dtype, device=q.device)
    if p > 0:
        kept = (torch.rand(kept.shape, generator=gen, device=q.device) < 1 - p).to(dtype)
        kept = kept / (1 - p) if p < 1 else kept * 0
    bias = torch.zeros(t, s, dtype=dtype, device=q.device)
    if is_causal:
        place = torch.arange(max(t, s), device=q.device)
        bias = torch.where(place[:s] > place[:t, None], -math.inf, bias)
    if mask is not None:
        shift = torch.where(mask, 0.0, -math.inf).to(dtype) if mask.dtype == torch.bool else mask
        bias = bias + shift
    bias = bias.expand(*bias.shape[:-2], t, s)

    top = torch.full((*lead, t), -math.inf, dtype=dtype, device=q.device)
    total = torch.zeros_like(top)
    result = torch.zeros(*lead, t, e, dtype=dtype, device=q.device)
    for j in range(s):
        visible = bias[..., j] > -math.inf
        score = (query * key[..., j : j + 1, :]).sum(-1)  # [..., T]
        score = score + torch.where(visible, bias[..., j], 0.0)
        new_top = torch.where(visible, torch.maximum(top, score.detach()), top)
        anchor = torch.where(new_top > -math.inf, new_top, 0.0)
        decay = torch.exp(top - anchor)
        power = torch.where(visible, torch.exp(torch.where(visible, score - anchor, 0.0)), 0.0)
        total = total * decay + power
        gain = (power * kept[..., j]).unsqueeze(-1) * value[..., j : j + 1, :]
        result = result * decay.unsqueeze(-1) + gain
        top = new_top
    return (result / torch.where(total > 0, total, 1.0).unsqueeze(-1)).to(q.dtype)
