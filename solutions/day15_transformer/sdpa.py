"""Scaled dot-product attention with masks, causal order and dropout."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sdpa(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    is_causal: bool = False,  # noqa: FBT001, FBT002 - as PyTorch's function has it
    p: float = 0.0,
    gen: torch.Generator | None = None,
) -> Tensor:
    r"""Return the values that each query attends to, averaged by its attention weights.

    For T queries and S keys of width D::

        scores  = q k^T / sqrt(D)              [..., T, S]
        scores  = scores + mask                a floating-point mask
        scores  = -inf where not mask          a boolean mask: True = may attend
        scores  = -inf where key > query       is_causal: the first key is that of the first query
        weights = softmax(scores)              over the S keys
        weights = weights * keep / (1 - p)     keep is 1 with probability 1 - p, else 0
        result  = weights v                    [..., T, E]

    `mask` and `is_causal` may be given together: a query attends to what both allow. With
    `is_causal`, query t (from 0) attends to the keys 0 to t, whether T and S are equal or not.

    Args:
        q: [..., T, D], the queries; D is at least 1.
        k: [..., S, D], the keys.
        v: [..., S, E], the values.
        mask: broadcastable to the scores [..., T, S], or None. Boolean: True = attend, False = no
            weight at all. Floating point, in the dtype of `q`: added to the scores; its numbers
            are finite or `-inf`, which gives no weight at all.
        is_causal: whether no query sees a key of a later place.
        p: the probability, in [0, 1], with which each weight is dropped.
        gen: the generator that draws what is dropped, on the device of `q`; None stands for
            PyTorch's global one.

        q, k, v share one dtype (float64, float32, bfloat16 or float16) and one device. They have
        two axes or more; those in front of the last two are broadcast against each other, as in
        `torch.matmul`. All tensors may have any strides, and are not changed.

    Returns:
        [..., T, E], in the dtype of `q` and in memory of its own. bfloat16 and float16 are
        computed in float32, and the result is rounded at the end. Gradients reach q, k, v and a
        floating-point mask.

    Raises:
        ValueError: q and k differ in D, k and v differ in S, `mask` is neither boolean nor
            floating point, or `p` is not in [0, 1].

    Edge cases:
        * A query that may attend to no key, or S = 0: its result is 0, and no gradient comes of
          it: 0, never NaN.
        * A key without weight gets the gradient 0, and so does its value.
        * Finite mask entries, however low, hide nothing by themselves: the softmax decides.
        * Scores of any size, as long as they are finite in float32: no overflow. (Two float16
          vectors of 300s have a product that is infinite in float16.)
        * p = 0 draws nothing: `gen` is left as it is. p = 1 drops every weight: the result is 0.
        * T = 0, E = 0 or an empty leading axis: the result is empty.

    Memory:
        Apart from q, k, v and the result, no tensor is larger than the scores. (A product of
        shape [..., T, S, D] is.)

    Forbidden:
        `torch.nn.functional.scaled_dot_product_attention`, and what calls it:
        `torch.nn.functional.multi_head_attention_forward` and `torch.nn.MultiheadAttention`.

    Example:
        Both keys suit the query equally well; then the second one is hidden.

        >>> q = torch.tensor([[2.0, 0.0]])
        >>> k = torch.tensor([[1.0, 0.0], [1.0, 5.0]])
        >>> v = torch.tensor([[10.0], [20.0]])
        >>> sdpa(q, k, v).tolist()
        [[15.0]]
        >>> sdpa(q, k, v, mask=torch.tensor([True, False])).tolist()
        [[10.0]]

    Source:
        Vaswani et al., "Attention Is All You Need" (2017, arXiv:1706.03762), section 3.2.1,
        equation 1; section 3.2.3 for the causal mask. The meaning of the arguments is that of
        `torch.nn.functional.scaled_dot_product_attention`, which does not take `mask` together
        with `is_causal`; the result 0 where no key is left is this course's own rule.
    """
    _check(q, k, v, mask, p)
    # In float16 the product of two vectors of 300s is infinite.
    wide = torch.promote_types(q.dtype, torch.float32)
    query, key, value = (x.to(wide) for x in (q, k, v))
    scores = query @ key.mT / math.sqrt(q.shape[-1])  # [..., T, S]
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    if is_causal:
        future = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(future, -math.inf)
    weights = _dropped(_safe_softmax(scores), p, gen)
    return (weights @ value).to(q.dtype)  # [..., T, E]


def _check(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float) -> None:
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"`q` and `k` must share D, not {q.shape[-1]} and {k.shape[-1]}")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"`k` and `v` must share S, not {k.shape[-2]} and {v.shape[-2]}")
    if mask is not None and not (mask.dtype == torch.bool or mask.is_floating_point()):
        raise ValueError(f"`mask` must be boolean or floating point, not {mask.dtype}")
    if not 0 <= p <= 1:
        raise ValueError(f"`p` must be in [0, 1], not {p}")


def _safe_softmax(scores: Tensor) -> Tensor:
    """Return the softmax over the last axis, with 0 for a row that is -inf everywhere."""
    blind = scores.isneginf().all(dim=-1, keepdim=True)  # [..., T, 1]
    # Filled before the softmax: afterwards the NaN is gone from the value, not from the gradient.
    return scores.masked_fill(blind, 0.0).softmax(dim=-1).masked_fill(blind, 0.0)


def _dropped(weights: Tensor, p: float, gen: torch.Generator | None) -> Tensor:
    """Return the weights with a part p of them set to 0, and the rest grown to make up for it."""
    if p == 0:
        return weights
    if p == 1:  # nothing is left to grow
        return torch.zeros_like(weights)
    draws = torch.rand(weights.shape, generator=gen, device=weights.device)
    return weights * (draws >= p) / (1 - p)
