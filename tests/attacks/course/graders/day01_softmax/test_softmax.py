"""The hidden suite: an honest wrong answer earns the points for shape and axis, and no others.

The test that most attacks fail comes first: in a fresh worker it is not repeated.
"""

from __future__ import annotations

import pytest
import torch

from dlcourse.testing import (
    Solution,
    Student,
    assert_allowed,
    assert_gradients_match,
    assert_values_match,
    points,
    requires,
    watch,
)

# What it imports on its first call is then there before the grader forks.
torch.testing.assert_close(torch.zeros(1), torch.zeros(1))


@points(5)
def test_values(student: Student, solution: Solution, gen: torch.Generator) -> None:
    """Each value is an exponential divided by the sum of exponentials along the axis."""
    x = torch.randn(2, 3, 5, generator=gen)
    y = student.softmax(x, 1)
    assert_values_match(y, solution.softmax(x.double(), 1), dtype=torch.float32, reduction=3)
    torch.testing.assert_close(y, torch.softmax(x, 1))


def test_shape(student: Student, gen: torch.Generator) -> None:
    """The result has the shape of the input."""
    x = torch.randn(4, 6, generator=gen)
    assert student.softmax(x, 1).shape == (4, 6)


def test_bad_axis(student: Student, gen: torch.Generator) -> None:
    """An axis that the input lacks raises an IndexError."""
    x = torch.randn(2, 3, generator=gen)
    with pytest.raises(IndexError):
        student.softmax(x, 2)


@requires("test_values")
@points(2)
def test_gradient(student: Student, solution: Solution, gen: torch.Generator) -> None:
    """The gradient under a random upstream is the one of a softmax."""
    x = torch.randn(3, 5, generator=gen, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(3, 5, generator=gen, dtype=torch.float64)
    assert_gradients_match(student.softmax, solution.softmax, (x, 0), upstream, reduction=3)


@requires("test_values")
def test_sums(student: Student, gen: torch.Generator) -> None:
    """The values along the axis add up to 1."""
    x = torch.randn(2, 7, generator=gen, dtype=torch.float64)
    assert torch.allclose(student.softmax(x, -1).sum(-1), torch.ones(2, dtype=torch.float64))


@requires("test_values")
def test_own_work(student: Student, gen: torch.Generator) -> None:
    """No ready-made softmax is used."""
    x = torch.randn(3, 4, generator=gen)
    with watch(student) as seen:
        student.softmax(x, 1)
    assert_allowed(seen)
