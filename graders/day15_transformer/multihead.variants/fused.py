"""Multi-head attention with PyTorch's fused attention where no weights are asked for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class MHA(nn.Module):
    """Attention in h heads at once."""

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
        if num_heads < 1 or embed_dim % num_heads != 0:
            raise ValueError("num_heads must divide embed_dim")
        if p < 0 or p > 1:
            raise ValueError("p must be in [0, 1]")
        self.num_heads, self.p = num_heads, p
        kdim = embed_dim if kdim is None else kdim
        with torch.device(device or "cpu"):
            self.q_proj = nn.Linear(embed_dim, embed_dim, bias=bias, dtype=dtype)
            self.k_proj = nn.Linear(kdim, embed_dim, bias=bias, dtype=dtype)
            self.v_proj = nn.Linear(kdim, embed_dim, bias=bias, dtype=dtype)
            self.out_proj = nn.Linear(embed_dim, embed_dim, bias=bias, dtype=dtype)

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,  # noqa: FBT001, FBT002 - as PyTorch's module has it
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from each query to the keys of its sequence."""
        query, key, value = (
            torch.stack(x.chunk(self.num_heads, dim=-1), dim=1)
            for x in (self.q_proj(q), self.k_proj(k), self.v_proj(v))
        )
        visible = torch.ones(k.shape[:2], dtype=torch.bool, device=k.device)
        if key_padding_mask is not None:
            if key_padding_mask.shape != visible.shape or key_padding_mask.dtype != torch.bool:
                raise ValueError("key_padding_mask must be a boolean [B, S]")
            visible = ~key_padding_mask
        # A sequence that sees nothing looks at everything, and what it saw is then taken away.
        sees = visible.any(dim=1)[:, None, None, None]
        mask = visible[:, None, None, :] | ~sees
        p = self.p if self.training else 0.0
        if need_weights:
            scores = (query @ key.mT) * query.shape[-1] ** -0.5
            weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1) * sees
            weights = functional.dropout(weights, p)
            heads = weights @ value
        else:
            attend = functional.scaled_dot_product_attention
            heads = attend(query, key, value, mask, dropout_p=p) * sees
            weights = None
        return self.out_proj(torch.cat(heads.unbind(dim=1), dim=-1)), weights
