"""A hidden suite with one test for each way in which a test can end."""

from __future__ import annotations

import pytest
import torch

from dlcourse.testing import Solution, Student, assert_values_match, fresh, points


@points(2)
def test_small_logits(student: Student, solution: Solution, gen: torch.Generator) -> None:
    """The values are right where nothing is extreme: this test passes."""
    x = torch.randn(3, 5, generator=gen)
    assert_values_match(student.softmax(x), solution.softmax(x), reduction=5)


@points(2)
def test_large_logits(student: Student, solution: Solution, gen: torch.Generator) -> None:
    """Logits of 1000 give finite values: this test fails."""
    x = 1000 + torch.randn(3, 5, generator=gen)
    assert_values_match(student.softmax(x), solution.softmax(x), reduction=5)


def test_one_row(student: Student, solution: Solution, gen: torch.Generator) -> None:
    """A single row, [N], is taken: graded code raises here."""
    x = torch.randn(5, generator=gen)
    assert_values_match(student.softmax(x), solution.softmax(x), reduction=5)


def test_empty(student: Student, solution: Solution) -> None:
    """An empty tensor stays empty: graded code crashes its process here."""
    x = torch.empty(0, 5)
    assert_values_match(student.softmax(x), solution.softmax(x), reduction=5)


@fresh
def test_many_axes(student: Student, solution: Solution, gen: torch.Generator) -> None:
    """Leading axes are kept: graded code never comes back from here."""
    x = torch.randn(2, 3, 5, generator=gen)
    assert_values_match(student.softmax(x), solution.softmax(x), reduction=5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_cuda(student: Student) -> None:
    """The result stays on the GPU: skipped where there is none."""
    assert student.softmax(torch.zeros(2, 3, device="cuda")).is_cuda


def test_broken(student: Student, solution: Solution) -> None:
    """This test is broken on purpose: it asks the solution for a function that it lacks."""
    x = torch.zeros(2, 3)
    assert torch.equal(student.softmax(x).log(), solution.log_softmax(x))
