"""Multi-head attention with einsum and the softmax by hand; dropout from a Bernoulli draw."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MHA(nn.Module):
    """Attention in h heads at once."""

    q_proj: nn.Linear
    k_proj: nn.Linear
    v_proj: nn.Linear
    out_proj: nn.Linear

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
        if num_heads < 1:
            raise ValueError("at least one head")
        width, rest = divmod(embed_dim, num_heads)
        if rest or not 0.0 <= p <= 1.0:
            raise ValueError("embed_dim must be a multiple of num_heads, p in [0, 1]")
        self.h, self.d, self.p = num_heads, width, p
        source = embed_dim if kdim is None else kdim
        for name, fan_in in (("q", embed_dim), ("k", source), ("v", source), ("out", embed_dim)):
            layer = nn.Linear(fan_in, embed_dim, bias=bias, device=device, dtype=dtype)
            self.add_module(f"{name}_proj", layer)

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,  # noqa: FBT001, FBT002 - as PyTorch's module has it
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from each query to the keys of its sequence."""
        (b, t, _), s = q.shape, k.shape[1]
        query = self.q_proj(q).view(b, t, self.h, self.d)
        key = self.k_proj(k).view(b, s, self.h, self.d)
        value = self.v_proj(v).view(b, s, self.h, self.d)
        weights = self._weights(torch.einsum("bthd,bshd->bhts", query, key), key_padding_mask)
        if self.training and self.p > 0:
            keep = torch.bernoulli(torch.full_like(weights, 1 - self.p))
            weights = weights * keep / (1 - self.p) if self.p < 1 else weights * 0
        heads = torch.einsum("bhts,bshd->bthd", weights, value)
        out: Tensor = self.out_proj(heads.reshape(b, t, self.h * self.d))
        if not need_weights:
            return out, None
        return out, weights

    def _weights(self, scores: Tensor, padding: Tensor | None) -> Tensor:
        """Return the softmax of scores over keys that are no padding."""
        b, _, _, s = scores.shape
        scores = scores / self.d**0.5
        if padding is None:
            visible = torch.ones(b, 1, 1, s, dtype=torch.bool, device=scores.device)
        elif padding.dtype == torch.bool and padding.shape == (b, s):
            visible = padding.logical_not().view(b, 1, 1, s)
        else:
            raise ValueError("expected a boolean mask [B, S]")
        top = torch.where(visible, scores, -1e30).amax(dim=-1, keepdim=True)
        powers = torch.exp(torch.where(visible, scores - top, 0)) * visible
        return powers / powers.sum(dim=-1, keepdim=True).clamp(min=1e-30)
