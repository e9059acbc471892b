"""The failed assertion and its words."""

from __future__ import annotations

import pickle

import pytest
import torch

from dlcourse.testing.mismatch import (
    Mismatch,
    capital,
    counted,
    first_index,
    input_names,
    ordinal,
    shown_shape,
)


def test_a_mismatch_is_an_assertion_that_reads_as_its_sentences() -> None:
    """The sentences are kept apart as data and joined as text."""
    error = Mismatch("One differs.", "It is NaN.")
    assert isinstance(error, AssertionError)
    assert error.observed == ("One differs.", "It is NaN.")
    assert str(error) == "One differs. It is NaN."


def test_a_mismatch_cannot_be_rewritten() -> None:
    """What was observed stays as it was raised."""
    with pytest.raises(AttributeError):
        Mismatch("One differs.").observed = ()  # type: ignore[misc]  # the assignment must fail


def test_a_mismatch_survives_a_copy() -> None:
    """The sentences are still apart after a round trip through another process."""
    error = pickle.loads(pickle.dumps(Mismatch("One.", "Two.")))  # noqa: S301  (our own bytes)
    assert error.observed == ("One.", "Two.")


def test_words_for_shapes_indices_and_counts() -> None:
    """Vectors have plain indices, other tensors tuples; nouns agree with their numbers."""
    assert shown_shape(torch.Size([3])) == "(3,)"
    assert first_index(torch.tensor([False, True, True])) == "1"
    assert first_index(torch.eye(3, dtype=torch.bool)[[2, 0, 1]]) == "(0, 2)"
    assert [counted(number, "tensor") for number in (0, 1, 2)] == [
        "0 tensors",
        "1 tensor",
        "2 tensors",
    ]
    assert capital("the KL") == "The KL"


def test_ordinals_follow_english() -> None:
    """Eleventh to thirteenth are the exceptions."""
    numbers = (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)
    assert [ordinal(number) for number in numbers] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "13th",
        "21st",
        "102nd",
        "111th",
    ]


def test_inputs_are_named_in_backticks_or_by_number() -> None:
    """Without names an input is known by its place."""
    assert input_names((1, 2), ("x", "beta")) == ["`x`", "`beta`"]
    assert input_names((1, 2), None) == ["input 0", "input 1"]


def test_too_few_names_are_refused() -> None:
    """A suite that names fewer inputs than it has is told both counts."""
    with pytest.raises(ValueError, match="`names` gives 1 name to 2 inputs"):
        input_names((1, 2), ("x",))
