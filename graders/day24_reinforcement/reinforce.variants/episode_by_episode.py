"""The rollout is cut into its episodes first; each is summed with a matrix of discounts."""

from __future__ import annotations

import torch
from torch import Tensor


def reinforce(
    log_probs: Tensor, rewards: Tensor, done: Tensor, gamma: float, baseline: Tensor | None
) -> Tensor:
    """Return the REINFORCE loss of one rollout, to be minimised."""
    length = log_probs.shape[0] if log_probs.ndim == 1 else 0
    given = [rewards, done] if baseline is None else [rewards, done, baseline]
    if length == 0 or any(tensor.shape != (length,) for tensor in given):
        raise ValueError("expected tensors of one length")
    if gamma < 0 or gamma > 1:
        raise ValueError("bad discount")
    ends = [t + 1 for t, ended in enumerate(done.tolist()) if ended and t + 1 < length]
    pieces = []
    with torch.no_grad():
        for episode in rewards.double().tensor_split(ends):
            steps = torch.arange(len(episode), dtype=torch.float64)
            delay = (steps - steps[:, None]).clamp(min=0)
            pieces.append((gamma**delay).triu() @ episode)
        weight = torch.cat(pieces)
        if baseline is not None:
            weight -= baseline
    return -torch.einsum("t,t->", log_probs.double(), weight).div(length).to(log_probs.dtype)
