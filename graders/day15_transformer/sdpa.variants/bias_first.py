"""Attention with everything that hides a key in one bias, and a fourth root on each side."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


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
    if not (0 <= p <= 1 and q.shape[-1] == k.shape[-1] and k.shape[-2] == v.shape[-2]):
        raise ValueError(f"got q {q.shape}, k {k.shape}, v {v.shape} and p {p}")
    result_dtype = q.dtype
    if result_dtype in (torch.bfloat16, torch.float16):
        q, k, v = q.float(), k.float(), v.float()
    bias = q.new_zeros(q.shape[-2], k.shape[-2])
    if mask is not None:
        if mask.dtype == torch.bool:
            bias = bias.masked_fill(mask.logical_not(), float("-inf"))
        elif mask.is_floating_point():
            bias = bias + mask
        else:
            raise ValueError(f"a mask of dtype {mask.dtype}")
    if is_causal:
        bias = bias + q.new_full((q.shape[-2], k.shape[-2]), float("-inf")).triu(diagonal=1)
    sees = (bias > float("-inf")).any(dim=-1, keepdim=True)
    root = q.shape[-1] ** 0.25
    scores = torch.matmul(q / root, k.transpose(-1, -2) / root) + torch.where(sees, bias, 0.0)
    weights = functional.softmax(scores, dim=-1) * sees
    if p > 0:
        # Whole numbers below a million, so that a coin is the same in every dtype.
        coins = torch.randint(1_000_000, weights.shape, generator=gen, device=q.device)
        weights = torch.where(coins >= p * 1_000_000, weights, 0.0) * (1 / (1 - p) if p < 1 else 0)
    return torch.matmul(weights, v).to(result_dtype)
