"""Multi-head attention as a module: four projections, padding, dropout, and the weights."""

from __future__ import annotations

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
        # TODO
        raise NotImplementedError("multihead: make the four projections")

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
        # TODO
        raise NotImplementedError("multihead: project, split, attend, merge, project")
