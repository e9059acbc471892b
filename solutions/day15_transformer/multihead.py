"""Multi-head attention as a module: four projections, padding, dropout, and the weights."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn


class MHA(nn.Module):
    r"""Attention in h heads at once, each in a space of its own of width d = D / h.

    With D = `embed_dim` and h = `num_heads`, for one sequence::

        Q, K, V   = q_proj(q), k_proj(k), v_proj(v)            [T, D], [S, D], [S, D]
        Q_i       = columns i * d to (i + 1) * d - 1 of Q      [T, d], for i = 0 … h - 1
        K_i, V_i    likewise                                   [S, d]
        weights_i = dropout(softmax(Q_i K_i^T / sqrt(d)))      [T, S], over the keys
        heads     = weights_0 V_0 | … | weights_(h-1) V_(h-1)  [T, D], side by side
        out       = out_proj(heads)                            [T, D]

    A padding key has no weight: the softmax runs over the others. Dropout sets each weight to 0
    with probability p, independently of the others, and divides the rest by 1 - p; in training
    only. The projections are `nn.Linear` modules called `q_proj`, `k_proj`, `v_proj` and
    `out_proj`, initialised as `nn.Linear` does it; there are no other parameters.

    Args:
        embed_dim: D, the width of the queries and of the result, in features.
        num_heads: h, which divides D.
        p: the probability, in [0, 1], with which each weight is dropped.
        bias: whether the four projections have a bias.
        kdim: the width of `k` and `v`, in features; None stands for D. `k_proj` and `v_proj` take
            it to D.
        device, dtype: where the parameters are and what they are in, as `nn.Linear` takes them.

    Raises:
        ValueError: `num_heads` is below 1 or does not divide `embed_dim`, or `p` is not in [0, 1].

    Forbidden:
        `torch.nn.MultiheadAttention` and `torch.nn.functional.multi_head_attention_forward`.

    Example:
        >>> attention = MHA(embed_dim=6, num_heads=2, kdim=5)
        >>> q, memory = torch.randn(3, 4, 6), torch.randn(3, 7, 5)
        >>> out, weights = attention(q, memory, memory, need_weights=True)
        >>> out.shape, weights.shape
        (torch.Size([3, 4, 6]), torch.Size([3, 2, 4, 7]))
        >>> sorted(name for name, _ in attention.named_children() if name.endswith("proj"))
        ['k_proj', 'out_proj', 'q_proj', 'v_proj']

    Source:
        Vaswani et al., "Attention Is All You Need" (2017, arXiv:1706.03762), section 3.2.2. The
        meaning of `key_padding_mask` is that of `torch.nn.MultiheadAttention`.
    """

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
            raise ValueError(f"`num_heads` ({num_heads}) must divide `embed_dim` ({embed_dim})")
        linear = partial(nn.Linear, bias=bias, device=device, dtype=dtype)
        kdim = embed_dim if kdim is None else kdim
        self.num_heads = num_heads
        self.q_proj = linear(embed_dim, embed_dim)
        self.k_proj = linear(kdim, embed_dim)
        self.v_proj = linear(kdim, embed_dim)
        self.out_proj = linear(embed_dim, embed_dim)
        self.dropout = nn.Dropout(p)  # which refuses a p that is no probability

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,  # noqa: FBT001, FBT002 - as PyTorch's module has it
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from each query to the keys of its sequence.

        Args:
            q: [B, T, D], the queries, in the dtype of the parameters.
            k: [B, S, kdim], what keys are made of.
            v: [B, S, kdim], what values are made of.
            key_padding_mask: [B, S] boolean, True = padding, which nobody attends to; None says
                that there is none.
            need_weights: whether to return the weights as well.

            B, T and S are at least 1. All tensors may have any strides, and are not changed.

        Returns:
            out: [B, T, D].
            weights: [B, h, T, S], one for each head (no average), as they met the values, that is
                after dropout; None unless `need_weights`. They carry gradients, too.

        Raises:
            ValueError: `key_padding_mask` is not boolean or not of shape [B, S].

        Edge cases:
            * A sequence of nothing but padding: its weights are 0, so `out` is the bias of
              `out_proj` (0 without one). No NaN, in the gradients neither.
            * Padding keys and values get the gradient 0.
            * Scores of any size: no overflow, as long as they are finite themselves.
            * p = 1 in training: all weights are 0.
        """
        query = self._split(self.q_proj(q))  # [B, h, T, d]
        key = self._split(self.k_proj(k))  # [B, h, S, d]
        value = self._split(self.v_proj(v))
        scores = query @ key.mT / math.sqrt(query.shape[-1])  # [B, h, T, S]
        weights = self.dropout(_masked_softmax(scores, key_padding_mask))
        heads = weights @ value  # [B, h, T, d]
        # Heads go back behind the queries first: side by side, they are the features of one query.
        out = self.out_proj(heads.transpose(1, 2).flatten(2))  # [B, T, D]
        return out, weights if need_weights else None

    def _split(self, features: Tensor) -> Tensor:
        """Return [B, L, D] as [B, h, L, d]."""
        batch, length, _ = features.shape
        return features.reshape(batch, length, self.num_heads, -1).transpose(1, 2)


def _masked_softmax(scores: Tensor, padding: Tensor | None) -> Tensor:
    """Return the softmax of [B, h, T, S] over the keys, with 0 for padding keys."""
    if padding is None:
        return scores.softmax(dim=-1)
    expected = scores.shape[0], scores.shape[-1]
    if padding.dtype != torch.bool or padding.shape != expected:
        raise ValueError(f"`key_padding_mask` must be boolean and of shape {expected}")
    hidden = padding[:, None, None, :]  # [B, 1, 1, S]
    # Not -inf: so no NaN is born where all keys are padding, and the last fill has no more to do
    # than to take the weights away.
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(hidden, lowest).softmax(dim=-1).masked_fill(hidden, 0.0)
