"""Plain and double apart, without a graph from the start; indexing instead of `gather`."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
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
    if done.dtype != torch.bool:
        raise TypeError(f"done is {done.dtype}")
    if rewards.dim() != 1 or q_online.dim() != 2 or q_online.numel() == 0 == q_online.shape[1]:
        raise ValueError("wrong number of axes, or no action")
    if not rewards.shape == done.shape == q_online.shape[:1]:
        raise ValueError("batches of different sizes")
    if q_online.shape != q_target.shape:
        raise ValueError("the networks disagree about the shape")
    if not 0.0 <= gamma <= 1.0 or n < 1:
        raise ValueError("gamma or n is out of range")
    samples = torch.arange(len(rewards), device=rewards.device)
    if double:
        value = q_target.double()[samples, q_online.max(dim=-1).indices]
    else:
        value = q_target.double().amax(dim=-1)
    bootstrapped = torch.add(rewards.double(), value, alpha=float(gamma) ** n)
    return torch.where(done, rewards.double(), bootstrapped).to(rewards.dtype)
