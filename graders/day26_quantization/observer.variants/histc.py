"""Observers that fill in what is not finite and let `torch.histc` count."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MinMaxEMA(nn.Module):
    """Keeps averages of the minimum and the maximum, in buffers of their own each time."""

    low: Tensor
    high: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        if decay < 0 or decay >= 1:
            raise ValueError("`decay` must be in [0, 1)")
        self.weight = 1 - decay
        self.register_buffer("low", torch.full((), torch.inf, dtype=torch.float32))
        self.register_buffer("high", torch.full((), -torch.inf, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Move the averages towards the ends of x."""
        if not self.training:
            return x
        with torch.no_grad():
            known = x.isfinite()
            if not known.any():
                return x
            wide = x.double()
            low = wide.where(known, torch.inf).min().float()
            high = wide.where(known, -torch.inf).max().float()
            if self.low <= self.high:
                low = torch.lerp(self.low, low, self.weight)
                high = torch.lerp(self.high, high, self.weight)
            self.low, self.high = low, high
        return x

    def qparams(self) -> tuple[Tensor, Tensor]:
        """Return scale and zero-point."""
        if self.low == torch.inf:
            raise RuntimeError("no batch yet")
        ends = torch.stack([self.low, self.high, torch.zeros_like(self.low)]).double()
        scale = (ends.max() - ends.min()) / 255
        if scale == 0:
            scale = torch.ones_like(scale)
        zero_point = (-128 - ends.min() / scale).round().int()
        return scale.float(), zero_point


class HistogramObserver(nn.Module):
    """Counts sizes with `torch.histc`."""

    counts: Tensor

    def __init__(self, p: float, limit: float, bins: int = 2048) -> None:
        super().__init__()
        if not (0 < p <= 1 and 0 < limit < float("inf") and bins >= 1):
            raise ValueError("an argument is out of its range")
        self.p, self.limit, self.bins = p, limit, bins
        self.register_buffer("counts", torch.zeros(bins).long())

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Add the histogram of x."""
        if self.training:
            sizes = x[x.isfinite()].double().abs().clamp(max=self.limit)
            if len(sizes):
                found = torch.histc(sizes, self.bins, min=0, max=self.limit)
                self.counts = self.counts + found.long()
        return x

    def threshold(self) -> Tensor:
        """Return the edge found by `torch.searchsorted`."""
        reached = self.counts.cumsum(0).double()
        if reached[-1] == 0:
            raise RuntimeError("nothing counted yet")
        reached /= reached[-1].clone()
        at = torch.searchsorted(reached, self.p)
        return torch.linspace(0, self.limit, self.bins + 1)[at + 1]
