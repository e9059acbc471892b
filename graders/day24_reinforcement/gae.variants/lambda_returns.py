"""The returns first, walked backwards; the advantages from them."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def gae(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    lam: float,
) -> tuple[Tensor, Tensor]:
    """Return the advantages of a rollout and the targets of its critic."""
    if rewards.ndim != 2:
        raise ValueError("a rollout has the axes T and N")
    for other in (values, next_values, terminated, truncated):
        if other.shape != rewards.shape:
            raise ValueError("the five tensors differ in shape")
    if terminated.dtype is not torch.bool or truncated.dtype is not torch.bool:
        raise TypeError("flags are bools")
    if not 0 <= gamma <= 1 or not 0 <= lam <= 1:
        raise ValueError("gamma and lam are between 0 and 1")
    dtype = rewards.dtype
    if dtype in (torch.float16, torch.bfloat16):
        rewards, values, next_values = rewards.float(), values.float(), next_values.float()

    bootstrap = torch.where(terminated, torch.zeros_like(next_values), next_values)
    going_on = (terminated.logical_or(truncated)).logical_not()
    rows: list[Tensor] = []
    for t in range(rewards.shape[0] - 1, -1, -1):
        future = bootstrap[t]
        if rows:
            surprise = rows[-1] - values[t + 1]
            future = torch.where(going_on[t], torch.add(future, surprise, alpha=lam), future)
        rows.append(torch.addcmul(rewards[t], future, torch.full_like(future, gamma)))
    returns = torch.stack(rows[::-1]) if rows else rewards.clone()
    return (returns - values).to(dtype), returns.to(dtype)
