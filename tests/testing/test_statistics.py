"""Assertions on draws: right samplers pass, wrong ones are told how they stray."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import pytest
import torch

from dlcourse.testing import Mismatch, assert_frequencies, assert_rate, assert_sampled_from
from dlcourse.testing.tails import binomial_tail, chi_square_tail, kolmogorov_tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROBABILITIES = [0.5, 0.3, 0.0, 0.19, 0.008, 0.002]


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


def multinomial(
    probabilities: Sequence[float], generator: torch.Generator, draws: int = 1000
) -> torch.Tensor:
    """Draw categories rightly."""
    weights = torch.tensor(probabilities)
    drawn: torch.Tensor = weights.multinomial(draws, replacement=True, generator=generator)
    return drawn


def told(check: Callable[[], None]) -> str:
    """Return the sentence of a check that fails."""
    with pytest.raises(Mismatch) as caught:
        check()
    return str(caught.value)


def normal_cdf(x: torch.Tensor) -> torch.Tensor:
    """Return the distribution function of the standard normal distribution."""
    return torch.special.ndtr(x)


def test_right_frequencies_pass_on_every_seed() -> None:
    """Rare and impossible categories among them, whatever the shape of the draws."""
    for seed in range(100):
        assert_frequencies(
            lambda g: multinomial(PROBABILITIES, g).reshape(10, 100),
            torch.tensor(PROBABILITIES),
            gen=seeded(seed),
        )
    assert_frequencies(lambda _: torch.zeros(9, dtype=torch.int64), [1.0], gen=seeded())


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([0.4, 0.4, 0.0, 0.19, 0.008, 0.002], "Category 1 comes up too often among the samples: "),
        ([0.55, 0.35, 0.0, 0.09, 0.008, 0.002], "Category 3 comes up too rarely among "),
        ([0.5, 0.3, 0.0, 0.13, 0.008, 0.062], "A rare category comes up too often among "),
        ([0.5, 0.3, 0.01, 0.18, 0.008, 0.002], "Category 2 comes up "),
    ],
)
def test_wrong_frequencies_are_told(wrong: list[float], sentence: str) -> None:
    """The category that strays most is named, with how often it came up."""
    for seed in range(5):
        draw = partial(multinomial, wrong, draws=2000)
        check = partial(assert_frequencies, draw, PROBABILITIES, gen=seeded(seed))
        assert told(check).startswith(sentence)


def test_a_sentence_counts_what_graded_code_drew() -> None:
    """Nothing of the probabilities is told."""

    def draw(_: torch.Generator) -> torch.Tensor:
        return torch.arange(1000) % 4

    sentence = told(partial(assert_frequencies, draw, [0.05, 0.35, 0.3, 0.3], gen=seeded()))
    assert sentence == "Category 0 comes up too often among the samples: 250 of 1,000 times."


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        ([0, 1, 7, 2], "The tokens hold 7, which is none of the categories 0 to 2."),
        ([0, -1], "The tokens hold -1, which is none of the categories 0 to 2."),
        ([0.0, 1.0], "The tokens are of dtype `torch.float32` where integers are due."),
        ([2], "Category 2 comes up 1 time among the tokens, where it never may."),
        ([], "The tokens are empty: nothing was drawn."),
    ],
)
def test_draws_that_are_no_categories_fail_at_once(samples: list[float], sentence: str) -> None:
    """One draw is enough, as no chance can bring it about."""
    draws = []

    def draw(_: torch.Generator) -> torch.Tensor:
        draws.append(1)
        return torch.tensor(samples) if samples else torch.tensor(samples, dtype=torch.int64)

    check = partial(assert_frequencies, draw, [0.5, 0.5, 0.0], gen=seeded(), what="the tokens")
    assert told(check) == sentence
    assert len(draws) == 1


@pytest.mark.parametrize("bad", [[0.5, 0.4], [1.5, -0.5], [[1.0]], [math.nan, 1.0]])
def test_probabilities_are_checked(bad: list[float]) -> None:
    """What is no distribution is the suite's own fault."""
    with pytest.raises(ValueError, match="`probabilities` must be"):
        assert_frequencies(partial(multinomial, [1.0]), bad, gen=seeded())


def test_too_few_draws_are_the_suites_fault() -> None:
    """Nothing can be told where fewer than five are expected outside of one cell."""
    with pytest.raises(ValueError, match="100 draws are too few"):
        assert_frequencies(
            partial(multinomial, [0.99, 0.01], draws=100), [0.99, 0.01], gen=seeded()
        )


def test_one_unlucky_draw_is_forgiven_and_two_are_not() -> None:
    """A second draw, with another generator, decides."""
    states = []

    def draw(unlucky: int, generator: torch.Generator) -> torch.Tensor:
        states.append(generator.initial_seed())
        fill = 1 if len(states) <= unlucky else 0.5
        return torch.rand(1000, generator=generator) < fill

    assert_rate(partial(draw, 1), 0.5, gen=seeded())
    assert len(set(states)) == 2
    states.clear()
    assert told(partial(assert_rate, partial(draw, 2), 0.5, gen=seeded()))
    assert len(states) == 2


def test_generators_come_from_the_tests_own() -> None:
    """The same seed of a test makes the same draws, the next assertion others."""
    seen: list[int] = []

    def draw(generator: torch.Generator) -> torch.Tensor:
        seen.append(generator.initial_seed())
        return torch.rand(100, generator=generator) < 0.5

    for seed in (1, 1, 2):
        gen = seeded(seed)
        assert_rate(draw, 0.5, gen=gen)
        assert_rate(draw, 0.5, gen=gen)
    assert seen[0] == seen[2] != seen[1] == seen[3]
    assert seen[4] not in seen[:4]


@pytest.mark.parametrize("probability", [0.0, 0.001, 0.3, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("draws", [1, 10, 5000])
def test_right_rates_pass_on_every_seed(probability: float, draws: int) -> None:
    """Whatever the number of draws, and as bools or as numbers."""
    for seed in range(20):

        def draw(generator: torch.Generator) -> torch.Tensor:
            return torch.rand(draws, generator=generator) < probability

        assert_rate(draw, probability, gen=seeded(seed))
        assert_rate(lambda g: draw(g).float(), probability, gen=seeded(seed))


@pytest.mark.parametrize(
    ("probability", "wrong", "often"),
    [
        (0.0, 0.01, "often"),
        (1.0, 0.99, "rarely"),
        (0.3, 0.35, "often"),
        (0.7, 0.3, "rarely"),
        (0.001, 0.006, "often"),
    ],
)
def test_wrong_rates_are_told(probability: float, wrong: float, often: str) -> None:
    """The direction and the counts are told; at 0 and 1 one exception is enough."""

    def draw(generator: torch.Generator) -> torch.Tensor:
        return torch.rand(10_000, generator=generator) < wrong

    check = partial(assert_rate, draw, probability, gen=seeded(), what="the dropped elements")
    sentence = told(check)
    assert sentence.startswith(f"The dropped elements come up too {often}: ")
    assert sentence.endswith(" of 10,000 times.")


def test_rates_need_two_outcomes_and_a_probability() -> None:
    """NaN and 2 are neither true nor false."""
    check = partial(assert_rate, lambda _: torch.tensor([0.0, math.nan]), 0.5, gen=seeded())
    assert told(check) == "The events are told by something else than true and false."
    with pytest.raises(ValueError, match=r"`probability` is 1\.5"):
        assert_rate(lambda _: torch.tensor([True]), 1.5, gen=seeded())


@pytest.mark.parametrize("draws", [1, 3, 100, 5000])
def test_right_samples_pass_on_every_seed(draws: int) -> None:
    """Whatever the number of draws, in float32 and float64."""
    for seed in range(20):
        for dtype in (torch.float32, torch.float64):
            assert_sampled_from(
                lambda g, d=dtype: torch.randn(draws, generator=g, dtype=d),  # type: ignore[misc] # bound at once
                normal_cdf,
                gen=seeded(seed),
            )


@pytest.mark.parametrize(
    ("scale", "shift", "direction"), [(1.0, 0.2, "few"), (1.0, -0.2, "many"), (1.3, 0.0, "")]
)
def test_wrong_samples_are_told(scale: float, shift: float, direction: str) -> None:
    """A mean or a deviation that is a little off shows in a few thousand draws."""

    def draw(generator: torch.Generator) -> torch.Tensor:
        return scale * torch.randn(5000, generator=generator) + shift

    sentence = told(partial(assert_sampled_from, draw, normal_cdf, gen=seeded()))
    assert sentence.startswith(f"Too {direction}")
    assert " of the samples lie " in sentence
    assert sentence.endswith(" of 5,000.")


def test_a_sentence_counts_the_draws_at_their_own_place() -> None:
    """Half of the draws at one place are told as such, from either side."""

    def draw(_: torch.Generator) -> torch.Tensor:
        return torch.cat([torch.full((500,), 0.25), torch.linspace(0.25, 1, 500)])

    sentence = told(partial(assert_sampled_from, draw, lambda x: x, gen=seeded()))
    assert sentence == "Too many of the samples lie at or below 0.25: 501 of 1,000."


@pytest.mark.parametrize(
    ("strange", "sentence"),
    [
        (math.nan, "The samples hold NaN or infinity."),
        (math.inf, "The samples hold NaN or infinity."),
        (
            1.5,
            "The samples lie outside of the range that they may come from: 1 of 1,000 do.",
        ),
    ],
)
def test_impossible_samples_fail_at_once(strange: float, sentence: str) -> None:
    """One such number is enough, among a thousand right ones."""

    def draw(generator: torch.Generator) -> torch.Tensor:
        return torch.rand(1000, generator=generator).index_fill(0, torch.tensor(7), strange)

    check = partial(
        assert_sampled_from, draw, lambda x: x.clamp(0, 1), gen=seeded(), support=(0.0, 1.0)
    )
    assert told(check) == sentence


def test_a_distribution_function_is_checked() -> None:
    """What leaves the range from 0 to 1 is the suite's own fault."""
    with pytest.raises(ValueError, match="`cdf` must return"):
        assert_sampled_from(lambda g: torch.randn(10, generator=g), lambda x: x, gen=seeded())


def test_the_binomial_tail_is_exact() -> None:
    """It agrees with sums over Python's integers."""
    for successes, trials, numerator, denominator in ((3, 20, 1, 2), (9, 12, 1, 4), (0, 7, 3, 5)):
        terms = [
            math.comb(trials, k) * numerator**k * (denominator - numerator) ** (trials - k)
            for k in range(trials + 1)
        ]
        smaller = min(sum(terms[: successes + 1]), sum(terms[successes:]))
        due = min(1.0, 2 * smaller / denominator**trials)
        found = binomial_tail(successes, trials, numerator / denominator)
        assert math.isclose(found, due, rel_tol=1e-9)
    assert math.isclose(binomial_tail(0, 100_000, 1e-3), 2 * (1 - 1e-3) ** 100_000, rel_tol=1e-6)


def test_the_chi_square_tail_stays_honest_where_few_draws_are_expected() -> None:
    """Summed over all outcomes, the chance of a p-value of 1e-6 or less is at most that."""
    for trials, probability in ((1000, 0.005), (100, 0.05), (1000, 0.5)):
        expected = torch.tensor([trials * probability, trials * (1 - probability)]).double()
        alarm = 0.0
        for k in range(trials + 1):
            counts = torch.tensor([k, trials - k]).double()
            if chi_square_tail(counts, expected) <= 1e-6:
                ways = math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
                alarm += math.exp(
                    ways + k * math.log(probability) + (trials - k) * math.log1p(-probability)
                )
        assert 1e-7 < alarm <= 1e-6


def test_the_kolmogorov_tail_is_the_exact_one() -> None:
    """One and two draws have closed forms; many have Kolmogorov's limit."""
    assert math.isclose(kolmogorov_tail(0.9, 1), 2 * 0.1, rel_tol=1e-12)
    assert math.isclose(kolmogorov_tail(0.9, 2), 2 * 0.1**2, rel_tol=1e-12)
    scaled = 2.7
    limit = 2 * math.exp(-2 * scaled**2)
    found = kolmogorov_tail(scaled / math.sqrt(1_000_000), 1_000_000)
    assert math.isclose(found, limit, rel_tol=0.02)
    assert kolmogorov_tail(0.0, 5) == 1.0
    assert kolmogorov_tail(1.0, 5) == 0.0
