"""Five trivial tests, as the in-process suite has them."""

from __future__ import annotations

import torch

from dlcourse.testing import Student, points


@points(1)
def test_values(student: Student, gen: torch.Generator) -> None:
    """Every element is doubled."""
    x = torch.randn(4, 8, generator=gen)
    assert torch.equal(student.double(x), x + x)


@points(1)
def test_shape(student: Student, gen: torch.Generator) -> None:
    """The shape stays."""
    assert student.double(torch.randn(2, 3, 5, generator=gen)).shape == (2, 3, 5)


@points(1)
def test_dtype(student: Student, gen: torch.Generator) -> None:
    """The dtype stays."""
    x = torch.randn(3, generator=gen, dtype=torch.float64)
    assert student.double(x).dtype is torch.float64


@points(1)
def test_empty(student: Student) -> None:
    """Nothing doubled is nothing."""
    assert student.double(torch.empty(0)).numel() == 0


@points(1)
def test_gradient(student: Student, gen: torch.Generator) -> None:
    """The gradient is two."""
    x = torch.randn(3, generator=gen, requires_grad=True)
    student.double(x).sum().backward()
    assert torch.equal(x.grad, torch.full((3,), 2.0))
