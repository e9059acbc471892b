"""A block with each line spelled out, a causal mask of floats, and functional layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """One block of an encoder or of a decoder."""

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        ffn_dim: int,
        p: float,
        *,
        pre_norm: bool,
        cross: bool,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.norm_self = nn.LayerNorm(embed_dim, device=device, dtype=dtype)
        self.norm_ffn = nn.LayerNorm(embed_dim, device=device, dtype=dtype)
        self.self_attention = nn.MultiheadAttention(
            embed_dim, num_heads, device=device, dtype=dtype
        )
        self.ffn_in = nn.Linear(embed_dim, ffn_dim, device=device, dtype=dtype)
        self.ffn_out = nn.Linear(ffn_dim, embed_dim, device=device, dtype=dtype)
        if cross:
            self.norm_cross = nn.LayerNorm(embed_dim, device=device, dtype=dtype)
            self.cross_attention = nn.MultiheadAttention(
                embed_dim, num_heads, batch_first=True, device=device, dtype=dtype
            )
        self.p, self.pre, self.is_decoder = p, pre_norm, cross

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        """Send [B, T, D] through the block."""
        if self.is_decoder and memory is None:
            raise ValueError("a decoder needs memory")
        if memory is not None and not self.is_decoder:
            raise ValueError("an encoder has no use for memory")
        y = self.norm_self(x) if self.pre else x
        y = y.transpose(0, 1)  # [T, B, D]
        mask = None
        if self.is_decoder:
            mask = torch.full((len(y), len(y)), -math.inf, dtype=x.dtype, device=x.device).triu(1)
        y, _ = self.self_attention(y, y, y, attn_mask=mask, need_weights=False)
        x = x + self._thinned(y.transpose(0, 1))
        x = x if self.pre else self.norm_self(x)
        if memory is not None:
            y = self.norm_cross(x) if self.pre else x
            y, _ = self.cross_attention(query=y, key=memory, value=memory)
            x = x + self._thinned(y)
            x = x if self.pre else self.norm_cross(x)
        y = self.norm_ffn(x) if self.pre else x
        y = self.ffn_out(functional.relu(self.ffn_in(y)))
        x = x + self._thinned(y)
        return x if self.pre else self.norm_ffn(x)

    def _thinned(self, y: Tensor) -> Tensor:
        return functional.dropout(y, self.p, training=self.training)


def noam(step: int, embed_dim: int, warmup: int) -> float:
    """Return the learning rate of a training step."""
    if step <= 0 or warmup <= 0:
        raise ValueError("steps are counted from 1")
    peak = 1 / math.sqrt(embed_dim * warmup)
    if step <= warmup:
        return peak * step / warmup
    return peak * math.sqrt(warmup / step)
