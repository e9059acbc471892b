"""The programs that answer without thought."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dlcourse.audit.trivial import trivial_sources

_SOLUTION = """
from __future__ import annotations

import torch


def scaled(x, factors):
    return x * factors["all"] * factors["each"][0]


def scale_(x, factor):
    return x.mul_(factor)


class Sum:
    def __init__(self):
        self.total = torch.zeros(2)

    def add_(self, x):
        x += 1
        self.total = self.total + x
        return self.total
"""


def program(name: str) -> dict[str, Any]:
    """Run the thoughtless version of this name; returns what it defines."""
    names: dict[str, Any] = {"__name__": "thoughtless"}
    exec(compile(trivial_sources(_SOLUTION)[name], name, "exec"), names)  # noqa: S102 - ours
    return names


@pytest.mark.parametrize(("name", "answer"), [("zeros", [0.0, 0.0]), ("ones", [1.0, 1.0])])
def test_answers_are_replaced(name: str, answer: list[float]) -> None:
    """Functions and methods answer in the right shape, with numbers that took no thought."""
    names = program(name)
    factors = {"all": 2.0, "each": [torch.tensor(3.0)]}
    assert names["scaled"](torch.tensor([1.0, 2.0]), factors).tolist() == answer
    assert names["Sum"]().add_(torch.ones(2)).tolist() == answer


@pytest.mark.parametrize("name", ["zeros", "input", "detached_copy", "random"])
def test_arguments_are_left_as_they_were(name: str) -> None:
    """What a function does in place is its work too, so nothing of it is done."""
    names = program(name)
    x = torch.tensor([1.0, 2.0])
    names["scale_"](x, 3.0)
    names["Sum"]().add_(x)
    assert x.tolist() == [1.0, 2.0]


def test_input_is_the_very_argument() -> None:
    """`input` answers with the first tensor that it was given, not with a copy."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert program("input")["scaled"](x, {"all": 2.0, "each": [x[0]]}) is x
