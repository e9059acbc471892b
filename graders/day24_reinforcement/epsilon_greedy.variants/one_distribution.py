"""The probabilities of all actions as a table, from which every row draws once."""

from __future__ import annotations

import torch
from torch import Tensor


def act(q_values: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    """Return an action for every state: mostly the best one, now and then any."""
    if q_values.ndim != 2 or q_values.shape[-1] < 1:
        raise ValueError("shape")
    if epsilon < 0 or epsilon > 1:
        raise ValueError("epsilon")
    best = torch.max(q_values, dim=1).indices
    if len(best) == 0:
        return best
    chances = torch.full(q_values.shape, epsilon / q_values.shape[1], dtype=torch.float64)
    chances[torch.arange(len(best)), best] += 1 - epsilon
    return torch.multinomial(chances, 1, generator=generator).squeeze(1)
