"""One block of an encoder or of a decoder, and the learning rate that Transformers warm up with."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
        # TODO
        raise NotImplementedError("encoder_decoder_block: make the sublayers and their norms")

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
        # TODO
        raise NotImplementedError("encoder_decoder_block: send x through the sublayers")


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
    # TODO
    raise NotImplementedError("encoder_decoder_block: compute the learning rate")
