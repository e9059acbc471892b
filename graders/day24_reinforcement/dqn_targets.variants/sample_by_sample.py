"""One sample at a time, in Python numbers."""

from __future__ import annotations

import torch
from torch import Tensor


def target(
    rewards: Tensor,
    done: Tensor,
    q_online: Tensor,
    q_target: Tensor,
    gamma: float,
    n: int,
    *,
    double: bool,
) -> Tensor:
    """Return what the Q-value of each action taken should be, according to n steps and a guess."""
    if not (rewards.ndim == 1 and rewards.shape == done.shape):
        raise ValueError("rewards and done")
    if not (q_online.ndim == 2 and q_online.shape == q_target.shape):
        raise ValueError("tables")
    if len(q_online) != len(rewards) or q_online.size(-1) < 1:
        raise ValueError("tables and rewards")
    if gamma < 0 or gamma > 1 or n <= 0:
        raise ValueError("gamma and n")
    if done.dtype is not torch.bool:
        raise TypeError("done")
    discount = 1.0
    for _ in range(n):
        discount *= gamma
    targets = []
    for sample in range(len(rewards)):
        value = float(rewards[sample])
        if not bool(done[sample]):
            values = q_target[sample].tolist()
            preferences = q_online[sample].tolist() if double else values
            value += discount * values[preferences.index(max(preferences))]
        targets.append(value)
    return torch.tensor(targets, dtype=rewards.dtype, device=rewards.device)
