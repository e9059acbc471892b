"""A tensor times a number."""

from __future__ import annotations

import math

from torch import Tensor


def scaled(x: Tensor, factor: float) -> Tensor:
    """Return x times a factor.

    Args:
        x: [...], any floating dtype.
        factor: a finite number.

    Returns:
        [...], in the dtype of `x`.

    Raises:
        ValueError: `factor` is infinite or NaN.

    Edge cases:
        * An empty `x` gives an empty result.

    Forbidden:
        Nothing.

    Example:
        >>> import torch
        >>> scaled(torch.tensor([1.0, 2.0]), 3.0)
        tensor([3., 6.])

    Source:
        Any book on linear algebra.
    """
    if not math.isfinite(factor):
        raise ValueError(f"`factor` must be finite, not {factor}")
    return x * factor
