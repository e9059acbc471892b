"""Observers in plain Python numbers, element by element."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def _finite(x: Tensor) -> list[float]:
    """Return the elements that count."""
    numbers: list[float] = x.detach().reshape(-1).tolist()
    return [number for number in numbers if math.isfinite(number)]


class MinMaxEMA(nn.Module):
    """Keeps averages of the minimum and the maximum, as a correction of the last ones."""

    low: Tensor
    high: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        if not 0.0 <= decay < 1.0:
            raise ValueError("`decay` must be in [0, 1)")
        self.decay = decay
        for name, start in (("low", math.inf), ("high", -math.inf)):
            self.register_buffer(name, torch.tensor(start))

    def forward(self, x: Tensor) -> Tensor:
        """Move the averages towards the ends of x."""
        numbers = _finite(x)
        if self.training and numbers:
            self.low.fill_(self._moved(self.low.item(), min(numbers)))
            self.high.fill_(self._moved(self.high.item(), max(numbers)))
        return x

    def _moved(self, average: float, newest: float) -> float:
        if math.isinf(average):
            return newest
        return average + (1 - self.decay) * (newest - average)

    def qparams(self) -> tuple[Tensor, Tensor]:
        """Return scale and zero-point."""
        low, high = self.low.item(), self.high.item()
        if low > high:
            raise RuntimeError("no batch yet")
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / 255 or 1.0
        zero_point = max(-128, min(127, -128 + round(-low / scale)))
        return torch.tensor(scale), torch.tensor(zero_point, dtype=torch.int32)


class HistogramObserver(nn.Module):
    """Counts sizes one by one."""

    counts: Tensor

    def __init__(self, p: float, limit: float, bins: int = 2048) -> None:
        super().__init__()
        if p <= 0 or p > 1:
            raise ValueError("`p` must be in (0, 1]")
        if limit <= 0 or math.isinf(limit):
            raise ValueError("`limit` must be positive and finite")
        if bins <= 0:
            raise ValueError("`bins` must be positive")
        self.p, self.limit, self.bins = p, limit, bins
        self.register_buffer("counts", torch.tensor([0] * bins))

    def forward(self, x: Tensor) -> Tensor:
        """Add the elements of x."""
        if self.training:
            counts = self.counts.tolist()
            for number in _finite(x):
                place = math.floor(abs(number) * self.bins / self.limit)
                counts[min(place, self.bins - 1)] += 1
            self.counts.copy_(torch.tensor(counts))
        return x

    def threshold(self) -> Tensor:
        """Return the first edge below which there is enough."""
        counts = self.counts.tolist()
        total, seen = sum(counts), 0
        for place, count in enumerate(counts, start=1):
            seen += count
            if count and seen / total >= self.p:
                return torch.tensor(place * self.limit / self.bins)
        raise RuntimeError("nothing counted yet")
