"""What a suite's author writes above a test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from dlcourse.testing import in_worker, points
from dlcourse.testing.markers import WorkerFunction

if TYPE_CHECKING:
    import torch


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf])
def test_points_are_finite_and_not_negative(value: float) -> None:
    """A slip of the pen is told while the suite is collected."""
    with pytest.raises(ValueError, match="a test carries 0 points or more"):
        points(value)


def test_the_source_that_travels_has_no_decorator() -> None:
    """A function for the worker keeps its name, its lines and its docstring, and nothing else."""

    @in_worker
    def widths(
        student: Any,
        x: torch.Tensor,
    ) -> list[int]:
        """Say how wide it is."""
        return [len(student.double(x))]

    assert isinstance(widths, WorkerFunction)
    assert widths.name == "widths"
    assert widths.source.startswith("def widths(\n    student: Any,\n")
    assert widths.source.endswith("    return [len(student.double(x))]\n")
    assert widths.__doc__ == "Say how wide it is."
