"""The softmax of each row."""

from __future__ import annotations

from torch import Tensor


def softmax(x: Tensor) -> Tensor:
    """Return exp(x) divided by its sum over the last axis, [..., N] to [..., N]."""
    if not x.numel():
        return x.clone()
    weight = (x - x.amax(-1, keepdim=True)).exp()
    return weight / weight.sum(-1, keepdim=True)
