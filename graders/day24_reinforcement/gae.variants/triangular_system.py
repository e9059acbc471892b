"""Every A_t at once: the recursion is a system with two diagonals, solved by torch."""

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
    five = (rewards, values, next_values, terminated, truncated)
    if {x.dim() for x in five} != {2} or len({x.size() for x in five}) != 1:
        raise ValueError("every tensor must be [T, N]")
    if not terminated.dtype == truncated.dtype == torch.bool:
        raise TypeError("flags must be bool")
    if min(gamma, lam) < 0 or max(gamma, lam) > 1:
        raise ValueError("a discount lies between 0 and 1")
    r, v, after = (x.detach().double() for x in five[:3])
    steps = len(r)
    after = after.clone()
    after[terminated] = 0
    delta = r + gamma * after - v
    going_on = torch.logical_not(terminated + truncated).double() * (gamma * lam)
    system = torch.eye(steps, dtype=r.dtype, device=r.device).repeat(r.shape[1], 1, 1)  # [N, T, T]
    if steps > 1:
        system -= torch.diag_embed(going_on.T[:, :-1], offset=1)
    solved = torch.linalg.solve_triangular(system, delta.T[..., None], upper=True)  # [N, T, 1]
    advantages = solved[..., 0].T
    targets = advantages + v
    return advantages.to(rewards.dtype).contiguous(), targets.to(rewards.dtype).contiguous()
