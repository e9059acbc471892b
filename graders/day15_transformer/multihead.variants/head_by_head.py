"""Multi-head attention as a loop over heads, each with its slice of the projections."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class MHA(nn.Module):
    """Attention in h heads, one after the other."""

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        p: float = 0.0,
        bias: bool = True,  # noqa: FBT001, FBT002 - as PyTorch's module has it
        kdim: int | None = None,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if num_heads <= 0 or embed_dim % num_heads or p < 0 or p > 1:
            raise ValueError("heads must divide the width, and p must be a probability")
        kdim = kdim or embed_dim
        self.q_proj = nn.Linear(embed_dim, embed_dim, bias, device, dtype)
        self.k_proj = nn.Linear(kdim, embed_dim, bias, device, dtype)
        self.v_proj = nn.Linear(kdim, embed_dim, bias, device, dtype)
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias, device, dtype)
        self.d = embed_dim // num_heads
        self.p = p

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,  # noqa: FBT001, FBT002 - as PyTorch's module has it
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from each query to the keys of its sequence."""
        bias = torch.zeros(k.shape[:2], dtype=q.dtype, device=q.device)
        blind = torch.zeros(len(k), 1, 1, dtype=torch.bool, device=q.device)
        if key_padding_mask is not None:
            if key_padding_mask.dtype is not torch.bool or key_padding_mask.shape != k.shape[:2]:
                raise ValueError("key_padding_mask: boolean, [B, S]")
            blind = key_padding_mask.all(1)[:, None, None]
            bias = bias.masked_fill(key_padding_mask & ~blind[:, 0], -torch.inf)
        pieces = (
            proj.split(self.d, -1) for proj in (self.q_proj(q), self.k_proj(k), self.v_proj(v))
        )
        heads, weights = [], []
        for query, key, value in zip(*pieces, strict=True):
            scores = torch.baddbmm(bias[:, None, :], query, key.mT, alpha=self.d**-0.5)
            weight = torch.where(blind, 0.0, functional.softmax(scores, dim=-1))
            weight = functional.dropout(weight, self.p, self.training)
            weights.append(weight)
            heads.append(torch.bmm(weight, value))
        out = self.out_proj(torch.cat(heads, dim=-1))
        return out, torch.stack(weights, dim=1) if need_weights else None
