"""Plain Python numbers: each environment is cut into episodes, each episode added up alone."""

from __future__ import annotations

import torch
from torch import Tensor


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
    shape = rewards.shape
    if any(len(x.shape) != 2 or x.shape != shape for x in (values, next_values)):
        raise ValueError("shapes")
    if not shape == terminated.shape == truncated.shape:
        raise ValueError("shapes of the flags")
    if torch.bool != terminated.dtype or torch.bool != truncated.dtype:
        raise TypeError("dtypes of the flags")
    for discount in (gamma, lam):
        if discount < 0 or discount > 1:
            raise ValueError("discounts")
    r, v, w = (x.detach().t().tolist() for x in (rewards, values, next_values))
    gone, stopped = terminated.t().tolist(), truncated.t().tolist()

    advantages = torch.zeros(shape, dtype=torch.float64)
    for n in range(shape[1]):
        start = 0
        for t in range(shape[0]):
            if gone[n][t] or stopped[n][t] or t == shape[0] - 1:
                later = 0.0
                for s in range(t, start - 1, -1):
                    future = 0.0 if gone[n][s] else w[n][s]
                    later = r[n][s] + gamma * future - v[n][s] + gamma * lam * later
                    advantages[s, n] = later
                start = t + 1
    advantages = advantages.to(rewards.device)
    returns = advantages + values.detach().double()
    return advantages.to(rewards.dtype), returns.to(rewards.dtype)
