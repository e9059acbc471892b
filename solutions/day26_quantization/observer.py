"""Observers: modules that watch activations and say which range int8 codes should cover."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class MinMaxEMA(nn.Module):
    r"""Keeps exponential moving averages (EMA) of the minimum and the maximum of what it sees.

    For each batch in training mode, over the finite elements of x::

        first batch:   low = min(x)                                   high = max(x)
        later ones:    low = decay * low + (1 - decay) * min(x)       high likewise, with max(x)

    The first batch is taken whole: an average that starts at 0 would be drawn towards 0 for many
    batches. The two numbers are the state, and all of it: buffers called `low` and `high`, [],
    float32. Before the first batch they are inf and -inf, an empty range. There are no parameters.
    An observer that loads a state goes on as the one that gave it would have.

    Args:
        decay: the weight of the past, at least 0 and below 1.

    Raises:
        ValueError: `decay` is out of its range.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        >>> observer = MinMaxEMA(decay=0.75)
        >>> _ = observer(torch.tensor([-1.0, 0.5, torch.nan]))
        >>> _ = observer(torch.tensor([[1.0], [4.5]]))
        >>> observer.low.item(), observer.high.item()  # 0.75 * -1 + 0.25 * 1 and so on
        (-0.5, 1.5)
        >>> _ = observer.eval()(torch.tensor([99.0]))
        >>> observer.low.item(), observer.high.item()
        (-0.5, 1.5)

    Source:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-
        Arithmetic-Only Inference" (2018, arXiv:1712.05877), section 3.1 (averaged ranges of
        activations) and section 2.1, equation 1 (scale and zero-point).
    """

    low: Tensor
    high: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        """Start with an empty range."""
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must be at least 0 and below 1, not {decay}")
        self.decay = decay
        self.register_buffer("low", torch.tensor(torch.inf))
        self.register_buffer("high", torch.tensor(-torch.inf))

    def forward(self, x: Tensor) -> Tensor:
        """Take one batch into the averages, if in training mode, and return x.

        Args:
            x: [...], any shape, 0-dimensional and empty included, and any strides; float64,
                float32, bfloat16 or float16. It may require a gradient, and is not changed.
                Finite elements are at most 1e30 in size.

        Returns:
            x itself, so that an observer can stand between two layers: gradients pass. The
            buffers carry no graph.

        Edge cases:
            * Eval mode: the state stays as it is, on the first batch too.
            * NaN, inf and -inf in x: left out, as if x did not have these elements.
            * No finite element, or none at all: this was no batch, and the state stays as it is.
            * Half precision: only x is in it; averages are taken in float32 or wider.
            * Under `torch.no_grad()` it observes as ever: only the mode decides.
        """
        finite = x.detach()[x.isfinite()].float()  # [number of finite elements]
        if self.training and finite.numel() > 0:
            for average, newest in ((self.low, finite.min()), (self.high, finite.max())):
                # Where there is no past, 0 * inf would be NaN for a decay of 0.
                mixed = self.decay * average + (1 - self.decay) * newest
                average.copy_(newest if average.isinf() else mixed)
        return x

    def qparams(self) -> tuple[Tensor, Tensor]:
        r"""Return scale and zero-point of asymmetric int8 codes, from -128 to 127, for the range.

        The range is first widened to hold 0, so that 0.0 has a code::

            scale      = (max(0, high) - min(0, low)) / 255
            zero_point = -128 - round(min(0, low) / scale)        to the nearest integer

        It works in both modes and changes nothing.

        Returns:
            scale, [], float32, and zero_point, [], int32, from -128 to 127.

        Raises:
            RuntimeError: no batch has been observed yet.

        Edge cases:
            * A range of 0 alone: scale 1 and zero_point -128.
            * A constant, low = high: its range still reaches to 0.
            * low / scale at a tie between two integers: either one.
        """
        if self.low > self.high:
            raise RuntimeError("`MinMaxEMA` has seen no batch: call it in training mode first")
        low, high = self.low.clamp(max=0), self.high.clamp(min=0)
        scale = (high - low) / 255
        scale = torch.where(scale > 0, scale, 1.0)
        zero_point = -128 - torch.round(low / scale)
        return scale, zero_point.to(torch.int32)


class HistogramObserver(nn.Module):
    r"""Counts how large the elements are, and finds the size that a share p of them keeps to.

    The sizes |x| are counted in `bins` bins of equal width = limit / bins::

        bin i holds  i * width <= |x| < (i + 1) * width,      i = 0 … bins - 1

    Whatever is not below `limit` is counted in the last bin. The counts of all batches in
    training mode add up. The threshold is the upper edge of the first bin at which the cumulative
    share reaches p::

        threshold = (k + 1) * width,   k = min{ i : counts[0] + … + counts[i] >= p * total }

    so a few outliers no longer stretch the range: symmetric int8 codes with the scale
    threshold / 127 clip them, and all others are rounded more finely.

    The counts are the state, and all of it: one buffer called `counts`, [bins], int64, which
    starts at 0. There are no parameters.

    Args:
        p: the share of the elements to keep, above 0 and at most 1.
        limit: the upper end of the last bin, in the unit of x; positive and finite.
        bins: number of bins, at least 1.

    Raises:
        ValueError: an argument is out of its range.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        >>> observer = HistogramObserver(p=0.75, limit=2.0, bins=4)
        >>> _ = observer(torch.tensor([0.1, -0.2, 0.5, -0.6, 0.9, 1.2, -1.9, 50.0]))
        >>> observer.counts
        tensor([2, 3, 1, 2])
        >>> observer.threshold()  # the share is 2/8, 5/8, 6/8
        tensor(1.5000)

    Source:
        Wu et al., "Integer Quantization for Deep Learning Inference: Principles and Empirical
        Evaluation" (2020, arXiv:2004.09602), the section on calibration (percentile).
    """

    counts: Tensor

    def __init__(self, p: float, limit: float, bins: int = 2048) -> None:
        """Start with counts of 0."""
        super().__init__()
        if not 0 < p <= 1:
            raise ValueError(f"`p` must be above 0 and at most 1, not {p}")
        if not 0 < limit < math.inf:
            raise ValueError(f"`limit` must be positive and finite, not {limit}")
        if bins < 1:
            raise ValueError(f"`bins` must be at least 1, not {bins}")
        self.p = p
        self.width = limit / bins
        self.register_buffer("counts", torch.zeros(bins, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Count the elements of one batch, if in training mode, and return x.

        Args:
            x: as `MinMaxEMA` takes it.

        Returns:
            x itself.

        Edge cases:
            * Eval mode: nothing is counted.
            * NaN, inf and -inf in x: not counted.
            * Half precision: an element's bin is found in float32 or wider.
            * |x| = i * width: bin i, for a width that is a power of two. For others the rounding
              of x / width decides.
        """
        if self.training:
            sizes = x[x.isfinite()].abs().float()  # [number of finite elements]
            # Clamped as real numbers: the largest would not fit into an integer.
            bins = (sizes / self.width).clamp(max=len(self.counts) - 1).long()
            self.counts += bins.bincount(minlength=len(self.counts))
        return x

    def threshold(self) -> Tensor:
        """Return the threshold, [], float32; in both modes, and without changing anything.

        Raises:
            RuntimeError: nothing has been counted yet.

        Edge cases:
            * A share of exactly p, say 3 of 4 for p = 0.75, has reached p.
            * p = 1: the upper edge of the last bin that is not empty.
            * Beyond 2^24 elements float32 cannot tell counts apart: shares are compared in float64
              or exactly.
        """
        total = self.counts.sum()
        if total == 0:
            raise RuntimeError(
                "`HistogramObserver` has counted nothing: call it in training mode first"
            )
        share = self.counts.cumsum(0).double() / total  # [bins]
        return ((share < self.p).sum() + 1) * self.width
