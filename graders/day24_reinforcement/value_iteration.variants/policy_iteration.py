"""Policy iteration: exact values of better and better policies, whatever the tolerance."""

from __future__ import annotations

import torch
from torch import Tensor


def vi(transitions: Tensor, rewards: Tensor, gamma: float, tol: float) -> tuple[Tensor, Tensor]:
    """Return values within `tol` of the optimal ones, and a policy that goes with them."""
    if transitions.dim() != 3 or rewards.dim() != 2 or rewards.numel() < 1:
        raise ValueError("shapes")
    if transitions.shape[:2] != rewards.shape or transitions.shape[2] != transitions.shape[0]:
        raise ValueError("shapes")
    if torch.isnan(transitions).any() or transitions.min() < 0:
        raise ValueError("signs")
    if (transitions.sum(-1) - 1).abs().max() > 1e-6:
        raise ValueError("sums")
    if not 0 <= gamma < 1 or tol <= 0:
        raise ValueError("numbers")
    states = torch.arange(rewards.shape[0])
    policy = torch.zeros_like(states)
    identity = torch.eye(len(states), dtype=torch.float64)
    while True:
        arrive, gain = transitions[states, policy], rewards[states, policy]
        values = torch.linalg.solve(identity - gamma * arrive, gain)
        q = rewards + gamma * torch.einsum("sat,t->sa", transitions, values)
        margin = 1e-12 * (1 + q.abs().max())
        improvable = q.max(dim=1).values > q[states, policy] + margin
        if not improvable.any():
            # The lowest of the actions that are best up to rounding.
            best = q >= q.max(dim=1, keepdim=True).values - margin
            return values, best.to(torch.uint8).argmax(dim=1)
        policy = torch.where(improvable, q.argmax(dim=1), policy)
