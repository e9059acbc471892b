"""How unlikely it is that a right sampler strays as far as was seen: p-values in float64."""

from __future__ import annotations

import math

import torch


def chi_square_tail(observed: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the p-value of counts [K] against expected counts [K] of the same sum.

    It is the larger of those of Pearson's statistic and of the likelihood ratio, both against the
    chi-square distribution with K - 1 degrees of freedom. Where a few draws are expected, Pearson's
    alone calls a right sampler wrong a hundred times too often at 1e-6.
    """
    pearson = ((observed - expected).square() / expected).sum()
    ratio = 2 * (torch.xlogy(observed, observed / expected)).sum()
    freedom = torch.tensor((len(expected) - 1) / 2, dtype=torch.float64)
    statistic = torch.minimum(pearson, ratio).clamp(min=0.0)
    return float(torch.special.gammaincc(freedom, statistic / 2))


def binomial_tail(successes: int, trials: int, probability: float) -> float:
    """Return twice the smaller exact binomial tail, at most 1; a sum over at most `trials` terms.

    `probability` is neither 0 nor 1.
    """
    k = torch.arange(trials + 1, dtype=torch.float64)
    logs = (
        _log_choose(trials, k) + k * math.log(probability) + (trials - k) * math.log1p(-probability)
    )
    below = torch.logsumexp(logs[: successes + 1], 0)
    above = torch.logsumexp(logs[successes:], 0)
    return min(1.0, 2 * math.exp(min(float(below), float(above))))


def kolmogorov_tail(distance: float, draws: int) -> float:
    """Return a bound on the probability that n draws stray `distance` or more from their law.

    It is twice the exact one-sided tail of Birnbaum and Tingey (Annals of Mathematical Statistics
    22, 1951). That is never below the two-sided one, and equal to it in all digits that count
    below 1e-3: both sides rarely stray as far at once.
    """
    if distance <= 0:
        return 1.0
    j = torch.arange(math.floor(draws * (1 - distance)) + 1, dtype=torch.float64)
    inside = distance + j / draws
    logs = (
        _log_choose(draws, j)
        + (j - 1) * inside.log()
        + torch.xlogy(draws - j, (1 - inside).clamp(min=0.0))
    )
    tail = float(torch.logsumexp(logs, 0)) + math.log(distance)
    return min(1.0, 2 * math.exp(min(tail, 0.0)))


def _log_choose(n: int, k: torch.Tensor) -> torch.Tensor:
    """Return the logarithms of n over k."""
    return math.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
