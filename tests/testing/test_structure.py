"""Whether an answer has the structure of the solution's, and how a difference is told."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
import torch

from dlcourse.testing.structure import describe, structure_problem

Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - one as suites in the wild have it

ALIKE: list[tuple[Any, Any]] = [
    (torch.zeros(2, 3), torch.ones(2, 3)),
    (torch.zeros(2), torch.nn.Parameter(torch.zeros(2))),
    (np.zeros(2), np.ones(2)),
    (1.0, np.float64(2.0)),
    (1.0, np.float32(2.0)),
    (1, np.int64(2)),
    (True, np.zeros(1, dtype=np.bool_)[0]),
    (1, 1.5),
    ((1, 2), Pair(3, 4)),
    ((1, 2), torch.Size([3, 4])),
    ({"a": 1}, OrderedDict(a=2)),
    ({1}, frozenset({2})),
    ("a", "b"),
    (None, None),
    ([torch.zeros(1), {"a": (1.0,)}], [torch.ones(1), {"a": (2.0,)}]),
]

DIFFERENT: list[tuple[Any, Any, str]] = [
    (None, 1.0, "the result is None, not a float"),
    (1.0, 1, "the result is a float, not an int"),
    (True, 1, "the result is a bool, not an int"),
    (1, True, "the result is an int, not a bool"),
    (1.0, torch.zeros(()), "the result is a float, not a float32 tensor of shape ()"),
    ([1], (1,), "the result is a list of 1, not a tuple of 1"),
    ([1], [1, 2], "the result has 1 items, not 2"),
    ([1, "a"], [1, 2], "item 1 of the result is a str, not an int"),
    (torch.zeros(2, 3), torch.zeros(3, 2), "the result has shape (2, 3), not (3, 2)"),
    (torch.zeros(1), torch.zeros(()), "the result has shape (1,), not ()"),
    (torch.zeros(1).half(), torch.zeros(1), "the result has dtype float16, not float32"),
    (np.zeros(1), np.zeros(1, dtype=np.int64), "the result has dtype float64, not int64"),
    (torch.zeros(1), np.zeros(1), "not a NumPy array of dtype float64 and shape (1,)"),
    ({}, {"loss": 1}, "the result lacks the key `loss`"),
    ({"loss": 1, "b": 2}, {"loss": 1}, "the result has a key too many: `b`"),
    ({"loss": "a"}, {"loss": 1}, "`loss` of the result is a str, not an int"),
    ({}, [], "the result is a dict of 0, not a list of 0"),
]


@pytest.mark.parametrize(("actual", "expected"), ALIKE)
def test_what_crossed_the_wire_is_compared_with_what_would_have(actual: Any, expected: Any) -> None:
    """Answers are plain builtins; a solution's subclasses count as what they would arrive as."""
    assert structure_problem(actual, expected) is None


@pytest.mark.parametrize(("actual", "expected", "problem"), DIFFERENT)
def test_a_difference_is_one_sentence(actual: Any, expected: Any, problem: str) -> None:
    """The sentence names the place and both kinds."""
    found = structure_problem(actual, expected)
    assert found is not None
    assert problem in found


def test_no_value_is_told() -> None:
    """Neither answer nor expectation shows in the sentence, only their kinds."""
    found = structure_problem([4711.5], [torch.full((1,), 4712.5)])
    assert found == "item 0 of the result is a float, not a float32 tensor of shape (1,)"


@pytest.mark.parametrize("key", [10**5000, (10**5000,)], ids=["number", "tuple"])
def test_a_key_of_graded_code_may_be_anything(key: Any) -> None:
    """A number that Python refuses to print does not trip the grader."""
    assert structure_problem({key: 1}, {}) == ("the result has a key too many: `(a huge number)`")


def test_a_long_key_is_cut() -> None:
    """A key of megabytes makes no sentence of megabytes."""
    found = structure_problem({"k" * 1_000_000: 1}, {})
    assert found is not None
    assert len(found) < 200


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (1, "an int"),
        ({1, 2}, "a set of 2"),
        (slice(1), "a slice"),
        (1j, "a complex"),
    ],
)
def test_a_kind_is_named_with_its_article(value: Any, words: str) -> None:
    """A sentence reads as one."""
    assert describe(value) == words
