"""One row after the other, with a draw of an action only where one is due."""

from __future__ import annotations

import torch
from torch import Tensor


def act(q_values: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    """Return an action for every state: mostly the best one, now and then any."""
    if len(q_values.shape) != 2 or q_values.shape[1] < 1 or not 0.0 <= epsilon <= 1.0:
        raise ValueError("bad arguments")
    numbers = torch.rand(len(q_values), dtype=torch.float64, generator=generator).tolist()
    actions = q_values.argmax(dim=-1)
    rows = [row for row, number in enumerate(numbers) if number < epsilon]
    drawn = torch.rand(len(rows), dtype=torch.float64, generator=generator) * q_values.shape[1]
    actions[rows] = drawn.floor().long()
    return actions
