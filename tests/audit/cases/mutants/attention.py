"""Attention weights, with a branch, a loop and a mask."""

import math

import torch
from torch import Tensor

_SCALE = 2.0


def weights(q: Tensor, k: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
    """Return the weights, [T, S]."""
    if q.shape[-1] != k.shape[-1] or q.dim() < 2:
        raise ValueError("widths differ")
    scores = q @ k.mT / math.sqrt(q.shape[-1]) * _SCALE
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    for row in range(1, 3):
        scores[row] += 1
    with torch.no_grad():
        peak = scores.amax(dim=-1, keepdim=True)
    shifted = (scores - peak).clamp(min=-30.0, max=0).to(torch.float32)
    first, rest = shifted[:1], shifted[1:-1:2]
    return torch.softmax(torch.maximum(first, rest) if causal else shifted, dim=-1), peak.detach()
