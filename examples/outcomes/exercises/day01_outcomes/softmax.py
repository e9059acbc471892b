"""The softmax of each row."""

from __future__ import annotations

from torch import Tensor


def softmax(x: Tensor) -> Tensor:
    """Return exp(x) divided by its sum over the last axis.

    Args:
        x: [..., N], logits.

    Returns:
        [..., N], positive, with a sum of 1 over the last axis. Finite for all finite logits.
    """
    # TODO
    raise NotImplementedError("softmax: write it")
