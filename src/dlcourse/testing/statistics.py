"""Whether draws come from the distribution that they should come from.

Each assertion calls `draw` with a fresh generator, seeded from `gen`, and takes the p-value of what
came back. Only where that is at most 1e-6 is there a second draw, with another generator, and only
if its p-value is at most 1e-6 too does the assertion fail. A right sampler is so called wrong once
in 1e12 tests; and still at most once in 1e6 tests if the two draws depend on each other, as they do
where graded code draws from something else than its generator.

What cannot happen at all, such as a category of probability 0, fails at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from dlcourse.testing.mismatch import Mismatch, capital, counted
from dlcourse.testing.randomness import spawn
from dlcourse.testing.tails import binomial_tail, chi_square_tail, kolmogorov_tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REJECT_AT = 1e-6
"""The p-value at and below which a draw counts against graded code."""
_FEWEST_EXPECTED = 5.0
_SUM_ERROR = 1e-6


class _Judgement(NamedTuple):
    """The p-value of one draw, and the sentence to tell if it counts."""

    p_value: float
    sentence: str


def assert_frequencies(
    draw: Callable[[torch.Generator], torch.Tensor],
    probabilities: torch.Tensor | Sequence[float],
    *,
    gen: torch.Generator,
    what: str = "the samples",
) -> None:
    """Assert that categories come up as often as they should: a chi-square test of fit.

    Cells in which fewer than 5 draws are expected are pooled, the rarest first. The p-value is
    the larger one of Pearson's statistic and of the likelihood ratio, which keeps it honest for
    cells as small as that; `dlcourse.testing.statistics` states the rate of false alarms.

    Args:
        draw: takes a generator, calls graded code and returns independent draws, integers from 0
            to K - 1 of any shape: `lambda g: student.sample(logits, 4000, generator=g)`.
        probabilities: [K], what each category should come up with; they add up to 1.
        gen: where the generators come from, the test's `gen`.
        what: what the learner knows the draws as, in the plural.

    Raises:
        Mismatch: a draw is no category, has probability 0, or both draws stray too far.
        ValueError: the probabilities are none, or so few draws are made that nothing can be told.
    """
    weights = _checked(probabilities)

    def judge(samples: torch.Tensor) -> _Judgement:
        return _judge_counts(_counts(samples, weights, what), weights, what)

    _twice(draw, judge, gen, what)


def assert_rate(
    draw: Callable[[torch.Generator], torch.Tensor],
    probability: float,
    *,
    gen: torch.Generator,
    what: str = "the events",
) -> None:
    """Assert that something happens as often as it should: an exact two-sided binomial test.

    At probability 0 or 1 a single exception fails at once. The rate of false alarms is that of
    `dlcourse.testing.statistics`.

    Args:
        draw: takes a generator, calls graded code and returns independent trials of any shape,
            bools or zeros and ones: `lambda g: student.dropout(ones, 0.3, generator=g) == 0`.
        probability: with what probability each trial is true.
        gen: where the generators come from, the test's `gen`.
        what: what the learner knows the true trials as, in the plural: `"the dropped elements"`.

    Raises:
        Mismatch: a trial is neither true nor false, or both draws stray too far.
        ValueError: `probability` is no probability.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"`probability` is {probability}: give a number from 0 to 1")

    def judge(samples: torch.Tensor) -> _Judgement:
        return _judge_rate(samples, probability, what)

    _twice(draw, judge, gen, what)


def assert_sampled_from(
    draw: Callable[[torch.Generator], torch.Tensor],
    cdf: Callable[[torch.Tensor], torch.Tensor],
    *,
    gen: torch.Generator,
    what: str = "the samples",
    support: tuple[float, float] = (-torch.inf, torch.inf),
) -> None:
    """Assert that numbers come from a continuous distribution: a Kolmogorov-Smirnov test.

    The p-value is the exact one-sided tail, doubled: at 1e-6 it is that of the two-sided test in
    all digits that count, for any number of draws. The rate of false alarms is that of
    `dlcourse.testing.statistics`. Draws in half precision are too coarse for more than about
    1,000 of them.

    Args:
        draw: takes a generator, calls graded code and returns independent draws of any shape:
            `lambda g: student.gumbel((5000,), generator=g)`.
        cdf: the cumulative distribution function, continuous, on a float64 tensor [n].
        gen: where the generators come from, the test's `gen`.
        what: what the learner knows the draws as, in the plural.
        support: the smallest and the largest number that may come up, both included.

    Raises:
        Mismatch: a draw is not finite or outside of the support, or both draws stray too far.
        ValueError: `cdf` returns something else than [n] numbers from 0 to 1.
    """

    def judge(samples: torch.Tensor) -> _Judgement:
        return _judge_distance(_numbers(samples, support, what), cdf, what)

    _twice(draw, judge, gen, what)


def _twice(
    draw: Callable[[torch.Generator], torch.Tensor],
    judge: Callable[[torch.Tensor], _Judgement],
    gen: torch.Generator,
    what: str,
) -> None:
    """Draw and judge; once more if the first draw counts against graded code."""
    for _ in range(2):
        samples = draw(spawn(gen)).detach().flatten().cpu()
        if not len(samples):
            raise Mismatch(f"{capital(what)} are empty: nothing was drawn.")
        judgement = judge(samples)
        if judgement.p_value > REJECT_AT:
            return
    raise Mismatch(judgement.sentence)


def _checked(probabilities: torch.Tensor | Sequence[float]) -> torch.Tensor:
    """Return the probabilities [K] in float64, adding up to 1."""
    weights = torch.as_tensor(probabilities, dtype=torch.float64).detach().cpu()
    total = float(weights.sum())
    if weights.ndim != 1 or not bool((weights >= 0).all()) or not abs(total - 1) <= _SUM_ERROR:
        raise ValueError("`probabilities` must be [K], none negative, and add up to 1.")
    return weights / total


def _counts(samples: torch.Tensor, weights: torch.Tensor, what: str) -> torch.Tensor:
    """Return how often each category came up, [K], once every draw is a possible one."""
    if samples.is_floating_point() or samples.is_complex():
        raise Mismatch(f"{capital(what)} are of dtype `{samples.dtype}` where integers are due.")
    samples = samples.long()
    strange = samples[(samples < 0) | (samples >= len(weights))]
    if len(strange):
        raise Mismatch(
            f"{capital(what)} hold {int(strange[0])}, which is none of the categories 0 to "
            f"{len(weights) - 1}."
        )
    counts = torch.bincount(samples, minlength=len(weights))
    for category in ((weights == 0) & (counts > 0)).nonzero().flatten().tolist():
        raise Mismatch(
            f"Category {category} comes up {counted(int(counts[category]), 'time')} among "
            f"{what}, where it never may."
        )
    return counts


def _judge_counts(counts: torch.Tensor, weights: torch.Tensor, what: str) -> _Judgement:
    """Judge counts [K]; cells with few draws expected are one."""
    draws = int(counts.sum())
    possible = weights > 0
    if int(possible.sum()) == 1:
        return _Judgement(1.0, "")
    seen, due = counts[possible].double(), draws * weights[possible]
    pooled = _pooled(due)
    kept = ~pooled
    cells, expected = [seen[kept]], [due[kept]]
    if bool(pooled.any()):
        cells.append(seen[pooled].sum()[None])
        expected.append(due[pooled].sum()[None])
    cell, share = torch.cat(cells), torch.cat(expected)
    if len(cell) == 1:
        raise ValueError(f"{draws:,} draws are too few to tell these probabilities: make more.")
    worst = int(((cell - share).square() / share).argmax())
    categories = possible.nonzero().flatten()[kept].tolist()
    name = f"Category {categories[worst]}" if worst < len(categories) else "A rare category"
    often = "often" if cell[worst] > share[worst] else "rarely"
    sentence = f"{name} comes up too {often} among {what}: {int(cell[worst]):,} of {draws:,} times."
    return _Judgement(chi_square_tail(cell, share), sentence)


def _pooled(expected: torch.Tensor) -> torch.Tensor:
    """Return which cells to pool: the rare ones, and then the rarest until they suffice."""
    order = expected.argsort()
    rising = expected[order]
    rare = int((rising < _FEWEST_EXPECTED).sum())
    while 0 < rare < len(rising) and float(rising[:rare].sum()) < _FEWEST_EXPECTED:
        rare += 1
    pooled = torch.zeros(len(expected), dtype=torch.bool)
    pooled[order[:rare]] = True
    return pooled


def _judge_rate(samples: torch.Tensor, probability: float, what: str) -> _Judgement:
    """Judge trials [n]."""
    true = samples == 1
    if not bool((true | (samples == 0)).all()):
        raise Mismatch(f"{capital(what)} are told by something else than true and false.")
    trials, happened = len(samples), int(true.sum())
    if happened == trials * probability and probability in {0.0, 1.0}:
        return _Judgement(1.0, "")
    often = "often" if happened > trials * probability else "rarely"
    sentence = f"{capital(what)} come up too {often}: {happened:,} of {trials:,} times."
    if probability in {0.0, 1.0}:
        raise Mismatch(sentence)
    return _Judgement(binomial_tail(happened, trials, probability), sentence)


def _numbers(samples: torch.Tensor, support: tuple[float, float], what: str) -> torch.Tensor:
    """Return the draws in float64 and rising, once every one is a possible one."""
    numbers = samples.double()
    if not bool(torch.isfinite(numbers).all()):
        raise Mismatch(f"{capital(what)} hold NaN or infinity.")
    low, high = support
    outside = int(((numbers < low) | (numbers > high)).sum())
    if outside:
        raise Mismatch(
            f"{capital(what)} lie outside of the range that they may come from: {outside:,} of "
            f"{len(numbers):,} do."
        )
    return numbers.sort().values


def _judge_distance(
    numbers: torch.Tensor, cdf: Callable[[torch.Tensor], torch.Tensor], what: str
) -> _Judgement:
    """Judge rising numbers [n] by the largest distance of their own distribution from `cdf`."""
    draws = len(numbers)
    due = cdf(numbers)
    if due.shape != numbers.shape or not bool(((due >= 0) & (due <= 1)).all()):
        raise ValueError("`cdf` must return a number from 0 to 1 for each number that it gets.")
    rank = torch.arange(draws, dtype=torch.float64)
    above, below = (rank + 1) / draws - due, due - rank / draws
    many = bool(above.max() > below.max())
    place = int((above if many else below).argmax())
    distance = float((above if many else below)[place])
    at, side = float(numbers[place]), "at or below" if many else "below"
    sentence = (
        f"Too {'many' if many else 'few'} of {what} lie {side} {at:.3g}: "
        f"{place + many:,} of {draws:,}."
    )
    return _Judgement(kolmogorov_tail(distance, draws), sentence)
