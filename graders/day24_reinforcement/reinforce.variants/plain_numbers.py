"""Returns as plain numbers: nothing of them needs a gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def reinforce(
    log_probs: Tensor, rewards: Tensor, done: Tensor, gamma: float, baseline: Tensor | None
) -> Tensor:
    """Return the REINFORCE loss of one rollout, to be minimised."""
    sizes = [tensor.size() for tensor in (log_probs, rewards, done, baseline) if tensor is not None]
    if any(size != sizes[0] for size in sizes) or len(sizes[0]) != 1 or sizes[0].numel() < 1:
        raise ValueError(f"bad shapes: {sizes}")
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"bad gamma: {gamma}")
    weights, after = [], 0.0
    for reward, ended in zip(reversed(rewards.tolist()), reversed(done.tolist()), strict=True):
        after = reward if ended else reward + gamma * after
        weights.insert(0, after)
    if baseline is not None:
        weights = [g - b for g, b in zip(weights, baseline.tolist(), strict=True)]
    dtype = torch.float64 if log_probs.dtype == torch.float64 else torch.float32
    terms = torch.tensor(weights, dtype=dtype).neg().mul(log_probs)
    return terms.sum().div(len(weights)).type_as(log_probs)
