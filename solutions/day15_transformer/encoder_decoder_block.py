"""One block of an encoder or of a decoder, and the learning rate that Transformers warm up with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable


class Block(nn.Module):
    r"""One Transformer block: attention, in a decoder cross-attention too, and a feed-forward net.

    Each sublayer f has a layer norm and a residual connection::

        pre-norm:   x = x + dropout(f(norm(x)))
        post-norm:  x = norm(x + dropout(f(x)))

    The sublayers, in this order, with their norms::

        self-attention    norm_self    x attends to x; in a decoder place t sees the places 0 to t
        cross-attention   norm_cross   x attends to memory, as it is; in a decoder only
        feed-forward      norm_ffn     ffn_out(relu(ffn_in(x)))

    Dropout acts on what a sublayer adds, nowhere else: neither on attention weights nor inside the
    feed-forward net.

    The modules have these names, and there are no others with parameters: `self_attention` and
    `cross_attention` (`nn.MultiheadAttention`), `norm_self`, `norm_cross` and `norm_ffn`
    (`nn.LayerNorm`), `ffn_in` and `ffn_out` (`nn.Linear`); `cross_attention` and `norm_cross` in a
    decoder only. They are initialised as PyTorch does it.

    Args:
        embed_dim: D, the width of x and of memory, in features.
        num_heads: the number of attention heads; it divides D.
        ffn_dim: F, the width between `ffn_in` and `ffn_out`, in features.
        p: the probability, in [0, 1], with which dropout sets an element to 0, in training only.
        pre_norm: whether a norm stands before its sublayer, or behind the addition.
        cross: whether this is a block of a decoder, with causal self-attention and
            cross-attention, or of an encoder, where every place sees all.
        device, dtype: where the parameters are and what they are in, as `nn.Linear` takes them.

    Forbidden:
        `torch.nn.TransformerEncoderLayer` and `torch.nn.TransformerDecoderLayer`.

    Example:
        >>> encoder = Block(8, 2, 32, 0.1, pre_norm=True, cross=False)
        >>> decoder = Block(8, 2, 32, 0.1, pre_norm=True, cross=True)
        >>> source, target = torch.randn(3, 5, 8), torch.randn(3, 4, 8)
        >>> decoder(target, encoder(source)).shape
        torch.Size([3, 4, 8])

    Source:
        Vaswani et al., "Attention Is All You Need" (2017, arXiv:1706.03762), section 3.1 (the
        sublayers, post-norm), section 3.3 (the feed-forward net) and section 5.4 (dropout). Xiong
        et al., "On Layer Normalization in the Transformer Architecture" (2020, arXiv:2002.04745)
        compare post-norm and pre-norm.
    """

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
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        attention = partial(
            nn.MultiheadAttention, embed_dim, num_heads, batch_first=True, **factory
        )
        self.pre_norm = pre_norm
        self.cross = cross
        self.self_attention = attention()
        self.norm_self = nn.LayerNorm(embed_dim, **factory)
        if cross:
            self.cross_attention = attention()
            self.norm_cross = nn.LayerNorm(embed_dim, **factory)
        self.ffn_in = nn.Linear(embed_dim, ffn_dim, **factory)
        self.ffn_out = nn.Linear(ffn_dim, embed_dim, **factory)
        self.norm_ffn = nn.LayerNorm(embed_dim, **factory)
        self.dropout = nn.Dropout(p)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        """Send a batch of sequences through the block.

        Args:
            x: [B, T, D], in the dtype of the parameters; in a decoder the target.
            memory: [B, S, D], what the encoder made of the source; for a decoder only.

            B, T and S are at least 1. Both may have any strides, and are not changed.

        Returns:
            [B, T, D].

        Raises:
            ValueError: a decoder gets no memory, or an encoder gets one.

        Edge cases:
            * p = 1 in training: the sublayers add nothing, so that only x and, in post-norm, the
              norms are left.
            * T and S may differ, and a sequence may be of any length.
        """
        if self.cross != (memory is not None):
            raise ValueError("a decoder's block takes `memory`, and an encoder's block does not")
        x = self._residual(x, self.norm_self, self._look_around)
        if memory is not None:
            x = self._residual(x, self.norm_cross, partial(self._look_back, memory))
        return self._residual(x, self.norm_ffn, self._think)

    def _residual(self, x: Tensor, norm: nn.Module, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """Return [B, T, D] with what a sublayer adds to it."""
        if self.pre_norm:
            x = x + self.dropout(sublayer(norm(x)))
        else:
            x = norm(x + self.dropout(sublayer(x)))
        return x

    def _look_around(self, x: Tensor) -> Tensor:
        """Attend from x to x, in a decoder to nothing that comes later."""
        hidden = None
        if self.cross:  # True = hidden, as `nn.MultiheadAttention` has it
            places = x.shape[1]
            hidden = torch.ones(places, places, dtype=torch.bool, device=x.device).triu(1)
        attended: Tensor = self.self_attention(x, x, x, attn_mask=hidden)[0]
        return attended

    def _look_back(self, memory: Tensor, x: Tensor) -> Tensor:
        """Attend from x to what the encoder has read."""
        attended: Tensor = self.cross_attention(x, memory, memory)[0]
        return attended

    def _think(self, x: Tensor) -> Tensor:
        """Send each place through the feed-forward net."""
        thought: Tensor = self.ffn_out(self.ffn_in(x).relu())
        return thought


def noam(step: int, embed_dim: int, warmup: int) -> float:
    r"""Return the learning rate of a training step, after the paper's schedule.

    It grows linearly for `warmup` steps, then shrinks with the root of the step::

        rate = embed_dim^(-1/2) * min(step^(-1/2), step * warmup^(-3/2))

    Args:
        step: the number of the step, counted from 1.
        embed_dim: the width of the model, at least 1.
        warmup: the number of steps that the rate grows for, at least 1.

    Returns:
        The rate, a float.

    Raises:
        ValueError: `step` or `warmup` is below 1.

    Edge cases:
        * step = warmup: both terms are equal, and the rate is at its peak.

    Example:
        >>> [noam(step, embed_dim=16, warmup=4) for step in (1, 2, 4, 16)]
        [0.03125, 0.0625, 0.125, 0.0625]

    Source:
        Vaswani et al., "Attention Is All You Need" (2017, arXiv:1706.03762), section 5.3,
        equation 3. It is called after Noam Shazeer, one of the authors.
    """
    if step < 1 or warmup < 1:
        raise ValueError(f"`step` ({step}) and `warmup` ({warmup}) must be at least 1")
    return float(embed_dim**-0.5 * min(step**-0.5, step * warmup**-1.5))
