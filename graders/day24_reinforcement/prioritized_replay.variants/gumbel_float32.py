"""Masses in float32, drawn by inverting exponential clocks: the first to ring wins."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor


class PER:
    """Keeps the newest items, and draws those more often from which there is more to learn."""

    def __init__(self, capacity: int, alpha: float, beta: float, eps: float) -> None:
        for name, value in (("alpha", alpha), ("beta", beta)):
            if value < 0:
                raise ValueError(f"{name} is negative")
        if eps <= 0 or capacity < 1:
            raise ValueError("eps and capacity must be positive")
        self.alpha, self.beta, self.eps = alpha, beta, eps
        self.priority = torch.ones(capacity)
        self.store: list[Any] = []
        self.free = deque(range(capacity))  # the slots in the order in which they are taken

    def __len__(self) -> int:
        """Return the number of items held."""
        return len(self.store)

    def __getitem__(self, slot: int) -> Any:
        """Return the item in a slot."""
        return self.store[slot]

    def add(self, item: Any) -> None:
        """Put an item into the next slot, with maximal priority."""
        slot = self.free[0]
        self.free.rotate(-1)
        if self.store:
            self.priority[slot] = self.priority[: len(self)].max()
        if slot < len(self.store):
            self.store[slot] = item
        else:
            self.store.append(item)

    def sample(self, n: int, gen: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw n slots, each independently with probability P."""
        if not self.store or n <= 0:
            raise ValueError("nothing to draw")
        mass = self.priority[: len(self)].pow(self.alpha)
        clocks = torch.empty(n, len(self)).exponential_(generator=gen)  # [n, N]
        idx = (clocks / mass).argmin(dim=1)
        drawn = mass[idx]
        return idx, (drawn.min() / drawn).pow(self.beta)

    def update(self, idx: Tensor, td: Tensor) -> None:
        """Set the priorities of the drawn items to |td| + eps."""
        if idx.shape != td.shape or idx.dim() != 1:
            raise ValueError("idx and td must be vectors of one length")
        slots = idx.tolist()
        if slots and not 0 <= min(slots) <= max(slots) < len(self):
            raise IndexError("no such item")
        for slot, error in zip(slots, td.detach(), strict=True):
            self.priority[slot] = error.abs().float() + self.eps
