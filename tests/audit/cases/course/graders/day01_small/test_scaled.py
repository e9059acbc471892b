"""The hidden suite of `scaled`."""

from __future__ import annotations

import math

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_gradients_match,
    assert_values_match,
    odd_shapes,
    points,
)


def expected(x: torch.Tensor, factor: float) -> torch.Tensor:
    """Return the product in float64, as a quotient."""
    return x.double() / (1 / factor)


def draw(gen: torch.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    """Draw a normal tensor in float64."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


@points(2)
def test_value_is_the_product(student: Student, gen: torch.Generator) -> None:
    """Every element is multiplied by the factor."""
    inputs = [draw(gen, shape) for shape in odd_shapes(gen, 2)]
    for x in inputs:
        assert_values_match(student.scaled(x, 2.5), expected(x, 2.5))
        narrow = x.float()
        assert_values_match(
            student.scaled(narrow, -1.5), expected(narrow, -1.5), dtype=torch.float32
        )


@points(2)
def test_gradient_is_the_factor(student: Student, gen: torch.Generator) -> None:
    """The gradient of x is the upstream gradient times the factor."""
    x, upstream = draw(gen, (3, 4)).requires_grad_(), draw(gen, (3, 4))
    assert_gradients_match(student.scaled, expected, (x, 2.5), upstream, names=("x", "factor"))


@points(1)
def test_infinite_factor_is_refused(student: Student, gen: torch.Generator) -> None:
    """An infinite factor, or NaN, raises a ValueError."""
    x = draw(gen, (3,))
    student.scaled(x, 2.0)
    for factor in (math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError):  # noqa: PT011 - the text is the learner's own
            student.scaled(x, factor)
