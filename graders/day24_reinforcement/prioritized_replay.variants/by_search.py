"""Draws are places in the running sum of the masses, found by bisection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class PER:
    """Keeps the newest items, and draws those more often from which there is more to learn."""

    def __init__(self, capacity: int, alpha: float, beta: float, eps: float) -> None:
        if not (capacity >= 1 and alpha >= 0 and beta >= 0 and eps > 0):
            raise ValueError("bad settings")
        self.capacity, self.alpha, self.beta, self.eps = capacity, alpha, beta, eps
        self.items = [None] * capacity
        self.priorities = torch.empty(0, dtype=torch.float64)
        self.position = 0

    def __len__(self) -> int:
        """Return the number of items held."""
        return self.priorities.numel()

    def __getitem__(self, slot: int) -> Any:
        """Return the item in a slot."""
        return self.items[slot]

    def add(self, item: Any) -> None:
        """Put an item into the next slot, with maximal priority."""
        top = self.priorities.amax().reshape(1) if len(self) else self.priorities.new_ones(1)
        if len(self) < self.capacity:
            self.priorities = torch.cat([self.priorities, top])
        else:
            self.priorities[self.position] = top.item()
        self.items[self.position] = item
        self.position += 1
        if self.position == self.capacity:
            self.position = 0

    @torch.no_grad()
    def sample(self, n: int, gen: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw n slots, each independently with probability P."""
        if len(self) == 0:
            raise ValueError("empty")
        if n < 1:
            raise ValueError("no draws")
        probabilities = torch.softmax(self.alpha * self.priorities.log(), 0)
        edges = probabilities.cumsum(0)
        places = edges[-1] * torch.rand(n, generator=gen, dtype=torch.float64)
        idx = torch.searchsorted(edges, places, right=True).clamp(max=len(self) - 1)
        log_weights = -self.beta * (len(self) * probabilities[idx]).log()
        return idx, torch.exp(log_weights - log_weights.max()).to(torch.float32)

    @torch.no_grad()
    def update(self, idx: Tensor, td: Tensor) -> None:
        """Set the priorities of the drawn items to |td| + eps."""
        if td.dim() != 1 or tuple(idx.shape) != tuple(td.shape):
            raise ValueError("shapes differ")
        if idx.numel() and (idx.min() < 0 or idx.max() >= len(self)):
            raise IndexError("slot without an item")
        self.priorities = self.priorities.index_copy(0, idx, td.to(torch.float64).abs() + self.eps)
