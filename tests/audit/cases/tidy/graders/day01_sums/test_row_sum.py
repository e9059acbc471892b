"""The hidden suite of `row_sum`; it is read here and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dlcourse.testing import Student, points

if TYPE_CHECKING:
    import torch


@points(2)
def test_value_is_the_sum(student: Student, gen: torch.Generator) -> None:
    """The result is the sum over the last axis, e.g. of a row."""


@pytest.mark.parametrize("size", [0, 1])
@points(1)
def test_size(student: Student, size: int) -> None:
    """Rows of no element and of one are summed."""


@points(1)
class TestModule:
    """The module."""

    def test_forward(self, student: Student) -> None:
        """The module is the function.

        A second paragraph is for authors. It may say more.
        """
