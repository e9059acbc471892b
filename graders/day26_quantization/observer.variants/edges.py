"""Observers of one skeleton that compare sizes with a list of edges."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _Observer(nn.Module):
    """Passes x through and shows its finite elements, detached, while training."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        if self.training:
            flat = x.detach().flatten().to(torch.promote_types(x.dtype, torch.float32))
            flat = flat.masked_select(flat.isfinite())
            if flat.numel():
                self.observe(flat)
        return x

    def observe(self, flat: Tensor) -> None:
        """Take the elements of a batch."""
        raise NotImplementedError


class MinMaxEMA(_Observer):
    """Keeps averages of the minimum and the maximum."""

    low: Tensor
    high: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError("`decay` must be in [0, 1)")
        self.decay = decay
        self.register_buffer("low", torch.tensor(float("inf")))
        self.register_buffer("high", torch.tensor(float("-inf")))

    def observe(self, flat: Tensor) -> None:
        """Move both ends at once."""
        ends = torch.stack(flat.aminmax())  # [2]
        past = torch.stack([self.low, self.high])
        if past.isfinite().all():
            ends = past * self.decay + ends * (1 - self.decay)
        self.low.copy_(ends[0])
        self.high.copy_(ends[1])

    def qparams(self) -> tuple[Tensor, Tensor]:
        """Return scale and zero-point."""
        if not torch.isfinite(self.low):
            raise RuntimeError("no batch yet")
        below = torch.relu(-self.low)
        scale = (torch.relu(self.high) + below).div(255)
        scale = scale + (scale == 0)
        return scale, (below / scale).round().sub(128).to(torch.int32)


class HistogramObserver(_Observer):
    """Counts how many edges lie at or below a size."""

    counts: Tensor
    edges: Tensor

    def __init__(self, p: float, limit: float, bins: int = 2048) -> None:
        super().__init__()
        if not 0 < p <= 1 or not 0 < limit < torch.inf or bins < 1:
            raise ValueError("an argument is out of its range")
        self.p = p
        self.register_buffer("counts", torch.zeros(bins, dtype=torch.long))
        edges = torch.arange(bins + 1, dtype=torch.float64) * (limit / bins)
        self.register_buffer("edges", edges, persistent=False)

    def observe(self, flat: Tensor) -> None:
        """Find each element's bin by a binary search."""
        inner = self.edges[1:-1]
        place = torch.bucketize(flat.abs().double(), inner, right=True)
        self.counts.index_add_(0, place, torch.ones_like(place))

    def threshold(self) -> Tensor:
        """Return the first edge at which enough has been seen."""
        if not self.counts.any():
            raise RuntimeError("nothing counted yet")
        share = self.counts.double().cumsum(0) / self.counts.sum()
        return self.edges[1:][share >= self.p][0].float()
