"""A generator that graded code drew from: what its claimed state must be."""

from __future__ import annotations

import struct

import pytest
import torch

from dlcourse.sandbox.generators import Reseeded, advance, restore
from dlcourse.sandbox.tensors import Malformed


def seeded(seed: int = 3) -> torch.Generator:
    """Return a fresh generator."""
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("draws", [0, 1, 15, 16, 623, 624, 625, 1248, 5000, 100_000])
def test_honest_draws_are_followed(draws: int) -> None:
    """However much was drawn, the next draws are those of the worker's generator."""
    ours, theirs = seeded(), seeded()
    torch.rand(draws, generator=theirs)
    advance(ours, theirs.get_state())
    assert torch.equal(torch.rand(7, generator=ours), torch.rand(7, generator=theirs))


def test_normal_draws_keep_their_spare_number() -> None:
    """A single normal draw leaves a second one behind, which comes next."""
    ours, theirs = seeded(), seeded()
    torch.randn(1, generator=theirs)
    advance(ours, theirs.get_state())
    assert torch.equal(torch.randn(3, generator=ours), torch.randn(3, generator=theirs))


def test_a_seed_of_its_own_choice_is_refused() -> None:
    """Else graded code would decide what a suite draws next."""
    ours = seeded()
    before = ours.get_state()
    with pytest.raises(Reseeded):
        advance(ours, seeded(4).get_state())
    assert torch.equal(ours.get_state(), before)


@pytest.mark.parametrize("counters", [(624, 624), (1, 1), (0, 0), (-1, 626), (2, 0), (1, 625)])
def test_counters_that_disagree_are_refused(counters: tuple[int, int]) -> None:
    """Torch would read past the end of the words."""
    state = bytearray(seeded().get_state().tolist())
    left, following = counters
    struct.pack_into("<iiQ", state, 8, left, 1, following)
    with pytest.raises(Malformed, match="not the state of a generator"):
        restore(torch.Generator(), torch.tensor(list(state), dtype=torch.uint8))
