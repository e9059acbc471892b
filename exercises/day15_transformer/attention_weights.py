"""The weights of attention, and the mask that hides the future."""

from __future__ import annotations

import torch
from torch import Tensor


def attention_weights(q: Tensor, k: Tensor) -> Tensor:
    r"""Return how much each query attends to each key.

    A query is compared with every key by their inner product, and each row of the scores is made
    into weights that are positive and add up to 1::

        scores[t, s]  = (q[t] . k[s]) / sqrt(D)
        weights[t, s] = exp(scores[t, s]) / sum over all s' of exp(scores[t, s'])

    Args:
        q: [T, D], one query in each row; float64 or float32.
        k: [S, D], one key in each row, in the dtype of `q`.

        T, S and D are at least 1. Both may have any strides, and are not changed.

    Returns:
        [T, S], the weights, in the dtype of `q`. Gradients reach q and k.

    Raises:
        ValueError: `q` or `k` is not two-dimensional, or they differ in D.

    Edge cases:
        * Scores of any size, as long as they are finite: no overflow. (exp(100) is infinite in
          float32.)
        * Equal scores get equal weights; a single key gets the weight 1.

    Forbidden:
        `torch.nn.functional.scaled_dot_product_attention`. A ready-made softmax may be used.

    Example:
        >>> q = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
        >>> k = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
        >>> [round(w, 4) for w in attention_weights(q, k)[0].tolist()]  # scores 1 and 0
        [0.7311, 0.2689]

    Source:
        Vaswani et al., "Attention Is All You Need" (2017, arXiv:1706.03762), section 3.2.1,
        equation 1.
    """
    # TODO
    raise NotImplementedError("attention_weights: compute the weights")


def causal_mask(T: int) -> Tensor:
    r"""Return which places each of T places may attend to: itself and all before it.

    Used as `scores.masked_fill(~causal_mask(T), -inf)`, before the softmax.

    Args:
        T: the number of places, 0 or more.

    Returns:
        [T, T] boolean, on the CPU: row t is True at 0 to t, which query t may attend to, and
        False behind.

    Raises:
        ValueError: `T` is negative.

    Example:
        >>> causal_mask(3).int().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 1, 1]]

    Source:
        Vaswani et al., "Attention Is All You Need" (2017, arXiv:1706.03762), section 3.2.3.
    """
    # TODO
    raise NotImplementedError("attention_weights: make the causal mask")
