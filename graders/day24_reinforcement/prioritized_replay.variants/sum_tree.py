"""A sum tree: each inner node holds the sum of its two children, so a draw takes log N steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class PER:
    """Keeps the newest items, and draws those more often from which there is more to learn."""

    def __init__(self, capacity: int, alpha: float, beta: float, eps: float) -> None:
        if capacity <= 0:
            raise ValueError("no capacity")
        if min(alpha, beta) < 0:
            raise ValueError("negative exponent")
        if not eps > 0:
            raise ValueError("eps must be positive")
        self.capacity, self.alpha, self.beta, self.eps = capacity, alpha, beta, eps
        self.width = 1
        while self.width < capacity:
            self.width *= 2
        self.tree = [0.0] * (2 * self.width)  # node i has the children 2i and 2i + 1
        self.priority: dict[int, float] = {}
        self.items: dict[int, Any] = {}
        self.count = 0

    def __len__(self) -> int:
        """Return the number of items held."""
        return len(self.items)

    def __getitem__(self, slot: int) -> Any:
        """Return the item in a slot."""
        return self.items[slot]

    def _put(self, slot: int, priority: float) -> None:
        self.priority[slot] = priority
        node = self.width + slot
        self.tree[node] = priority**self.alpha
        while node > 1:
            node //= 2
            self.tree[node] = self.tree[2 * node] + self.tree[2 * node + 1]

    def _find(self, share: float) -> int:
        """Return the slot at a share of the whole sum, from 0 to 1."""
        rest, node = share * self.tree[1], 1
        while node < self.width:
            node *= 2
            # Rounding must not lead into a branch without mass.
            if rest >= self.tree[node] and self.tree[node + 1] > 0:
                rest -= self.tree[node]
                node += 1
        return node - self.width

    def add(self, item: Any) -> None:
        """Put an item into the next slot, with maximal priority."""
        slot = self.count % self.capacity
        self._put(slot, max(self.priority.values()) if self.priority else 1.0)
        self.items[slot] = item
        self.count += 1

    def sample(self, n: int, gen: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw n slots, each independently with probability P."""
        if n <= 0 or not self.items:
            raise ValueError("nothing to draw")
        shares = torch.rand(n, generator=gen, dtype=torch.float64).tolist()
        slots = [self._find(share) for share in shares]
        total = self.tree[1]
        chances = [self.tree[self.width + slot] / total for slot in slots]
        weights = [(len(self) * chance) ** -self.beta for chance in chances]
        largest = max(weights)
        return torch.tensor(slots), torch.tensor([weight / largest for weight in weights])

    def update(self, idx: Tensor, td: Tensor) -> None:
        """Set the priorities of the drawn items to |td| + eps."""
        if idx.ndim != 1 or td.ndim != 1 or len(idx) != len(td):
            raise ValueError("one error for each slot")
        if any(slot not in self.items for slot in idx.tolist()):
            raise IndexError("no item there")
        for slot, error in zip(idx.tolist(), td.tolist(), strict=True):
            self._put(slot, abs(error) + self.eps)
