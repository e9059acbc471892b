"""`assert_leaves_gradients_alone`: `.grad` belongs to the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from dlcourse.testing import Mismatch, assert_leaves_gradients_alone

if TYPE_CHECKING:
    from conftest import Enrol
    from dlcourse.testing import Student

WORK = """
import torch

def slope(x, w, n, *, bias):
    y = (x * w).sum() * n + bias.sum()
    return torch.autograd.grad(y, x, create_graph=True)[0].norm()

def stores(x, w, n, *, bias):
    y = (x * w).sum() * n + bias.sum()
    y.backward()
    return x.grad.norm()

def clears(x, w, n, *, bias):
    w.grad = None
    return slope(x, w, n, bias=bias)
"""


def told(student: Student, name: str) -> tuple[str, ...]:
    """Return the sentences of a call that fails."""
    with pytest.raises(Mismatch) as caught:
        call(student, name)
    return caught.value.observed


def call(student: Student, name: str) -> None:
    """Assert it of one of the functions above."""
    x, w = torch.ones(3, 2), torch.ones(3, 2)
    assert_leaves_gradients_alone(student, name, x, w, 2, bias=torch.ones(1))


def test_gradients_that_are_only_returned_pass(anywhere: Enrol) -> None:
    """`torch.autograd.grad` stores nothing."""
    call(anywhere(WORK), "slope")


def test_gradients_that_are_stored_or_cleared_are_told(anywhere: Enrol) -> None:
    """Each argument by its place or name."""
    student = anywhere(WORK)
    places = ("the 1st argument", "the 2nd argument", "the argument `bias`")
    assert told(student, "stores") == tuple(
        f"The call changes the `.grad` of {place}: take gradients with `torch.autograd.grad`, "
        "which stores none."
        for place in places
    )
    (sentence,) = told(student, "clears")
    assert "the 2nd argument" in sentence
