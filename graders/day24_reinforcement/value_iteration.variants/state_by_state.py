"""Gauss-Seidel sweeps in Python numbers: each state sees the new values of those before it."""

from __future__ import annotations

import torch
from torch import Tensor


def vi(transitions: Tensor, rewards: Tensor, gamma: float, tol: float) -> tuple[Tensor, Tensor]:
    """Return values within `tol` of the optimal ones, and a policy that goes with them."""
    if transitions.ndim != 3 or rewards.ndim != 2 or 0 in transitions.shape:
        raise ValueError("wrong number of axes, or nothing in one")
    states, actions, arrivals = transitions.shape
    if arrivals != states or rewards.shape != (states, actions):
        raise ValueError("sizes do not fit")
    if gamma < 0 or gamma >= 1 or tol <= 0:
        raise ValueError("gamma or tol")
    chances, gains = transitions.tolist(), rewards.tolist()
    if not all(_adds_up(row) for rows in chances for row in rows):
        raise ValueError("no probabilities")
    values = [0.0] * states

    def worth(s: int, a: int) -> float:
        future = sum(p * v for p, v in zip(chances[s][a], values, strict=True))
        return float(gains[s][a] + gamma * future)

    settled = False
    while not settled:
        change = 0.0
        for s in range(states):
            best = max(worth(s, a) for a in range(actions))
            change = max(change, abs(best - values[s]))
            values[s] = best
        settled = change * gamma / (1 - gamma) <= tol
    policy = []
    for s in range(states):
        worths = [worth(s, a) for a in range(actions)]
        policy.append(worths.index(max(worths)))
    return torch.tensor(values, dtype=torch.float64), torch.tensor(policy)


def _adds_up(row: list[float]) -> bool:
    return all(p >= 0 for p in row) and abs(sum(row) - 1) <= 1e-6
