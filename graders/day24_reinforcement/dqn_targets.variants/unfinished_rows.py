"""Only the rows that are not done are looked at; the rest keeps its reward."""

from __future__ import annotations

import math

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
    _require("one axis", condition=rewards.dim() == done.dim() == 1)
    _require("two axes", condition=q_online.dim() == q_target.dim() == 2)
    _require(
        "one batch size", condition=len({len(x) for x in (rewards, done, q_online, q_target)}) == 1
    )
    _require("one number of actions", condition=q_online.shape[1] == q_target.shape[1] > 0)
    _require("a discount", condition=0 <= gamma <= 1)
    _require("a step", condition=n >= 1)
    if not done.dtype == torch.bool:
        raise TypeError("bools")
    result = rewards.detach().clone()
    if result.dtype != torch.float64:
        result = result.float()
    rows = torch.nonzero(torch.logical_not(done)).flatten()
    values = q_target.detach()[rows].to(result.dtype)  # [R, A]
    if double:
        best = q_online.detach()[rows].sort(dim=1, descending=True).indices[:, :1]  # [R, 1]
        values = torch.take_along_dim(values, best, dim=1)
    result[rows] += values.max(dim=1).values * math.pow(gamma, n)
    return result.to(rewards.dtype)


def _require(what: str, *, condition: bool) -> None:
    if not condition:
        raise ValueError(f"expected {what}")
