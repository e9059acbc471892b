"""The product through `torch.mul`."""

from __future__ import annotations

import torch
from torch import Tensor


def scaled(x: Tensor, factor: float) -> Tensor:
    """Return x times a factor."""
    if abs(factor) == float("inf") or factor != factor:
        raise ValueError("infinite or NaN")
    return torch.mul(x, torch.tensor(factor, dtype=x.dtype))
