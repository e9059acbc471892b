"""`assert_reproducible` and `spawn`: the generator decides, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from dlcourse.testing import Mismatch, assert_reproducible, spawn

if TYPE_CHECKING:
    from conftest import Enrol

RIGHT = """
import torch
def noise(n, generator):
    return {"mask": torch.rand(n, generator=generator) < 0.5, "none": torch.full((2,), torch.nan)}
"""
GLOBAL_STATE = """
def noise(n, generator):
    return torch.rand(n)
"""
KEPT = """
kept = []
def noise(n, generator):
    kept.append(1)
    return torch.rand(n, generator=generator) + len(kept)
"""
CONSTANT = """
def noise(n, generator):
    return torch.ones(n)
"""
FIXED_SEED = """
def noise(n, generator):
    torch.manual_seed(0)
    return torch.rand(n)
"""
SEED_OF_THE_GENERATOR = """
def noise(n, generator):
    own = torch.Generator().manual_seed(generator.initial_seed())
    return torch.rand(n, generator=own)
"""
COPY = """
def noise(n, generator):
    own = torch.Generator()
    own.set_state(generator.get_state())
    return torch.rand(n, generator=own)
"""
NUMBER_OF_DRAWS = """
def noise(n, generator):
    torch.rand(1, generator=generator)
    return generator.get_state()[8:12]
"""
WRONG = {
    GLOBAL_STATE: "draw from the `generator` alone",
    KEPT: "keep nothing",
    CONSTANT: "each call with one generator",
    FIXED_SEED: "each call with one generator",
    SEED_OF_THE_GENERATOR: "and not from a copy or from its seed",
    COPY: "and not from a copy",
    NUMBER_OF_DRAWS: "for generators in other states",
}


def test_a_right_sampler_passes(anywhere: Enrol) -> None:
    """On every seed, with containers and NaN in the result."""
    student = anywhere(RIGHT)
    for seed in range(10):
        gen = torch.Generator().manual_seed(seed)
        assert_reproducible(lambda g: student.noise(50, g), gen)


@pytest.mark.parametrize("source", WRONG)
def test_wrong_samplers_are_told_why(anywhere: Enrol, source: str) -> None:
    """Each way to miss the generator is told."""
    student = anywhere(f"import torch\n{source}")
    with pytest.raises(Mismatch) as caught:
        assert_reproducible(
            lambda g: student.noise.unchecked(50, g), torch.Generator(), what="the noise"
        )
    assert str(caught.value).startswith("The noise ")
    assert WRONG[source] in str(caught.value)


def test_few_possible_results_are_no_failure() -> None:
    """A coin agrees with itself often; eight more throws show that it is one."""
    for seed in range(20):
        gen = torch.Generator().manual_seed(seed)
        assert_reproducible(lambda g: int(torch.randint(6, (), generator=g)), gen)


def test_spawned_generators_share_nothing() -> None:
    """The same state of the parent gives the same children, in the same order."""
    parents = [torch.Generator().manual_seed(3) for _ in range(2)]
    children = [[torch.rand(4, generator=spawn(parent)) for _ in range(2)] for parent in parents]
    assert torch.equal(children[0][0], children[1][0])
    assert torch.equal(children[0][1], children[1][1])
    assert not torch.equal(children[0][0], children[0][1])
