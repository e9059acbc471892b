"""Two tensors of one shape, side by side, and which elements disagree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dlcourse.testing.tolerances import Tolerance, close, widened

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Comparison:
    """What graded code returned beside what it should have returned.

    Both are as they came; `found` and `due` are the same in float64 or complex128.
    """

    actual: torch.Tensor
    expected: torch.Tensor
    bound: Tolerance
    equal_nan: bool = False

    @cached_property
    def bad(self) -> torch.Tensor:
        """Which elements are not what they should be."""
        return ~close(self.actual, self.expected, self.bound, equal_nan=self.equal_nan)

    @cached_property
    def found(self) -> torch.Tensor:
        """What graded code returned."""
        return widened(self.actual)

    @cached_property
    def due(self) -> torch.Tensor:
        """What it should have returned."""
        return widened(self.expected)

    def agree(self, left: torch.Tensor, right: torch.Tensor, size: float = 1.0) -> bool:
        """Say whether two tensors are equal within the bound, as if `size` times as large."""
        if left.shape != right.shape:
            return False
        bound = Tolerance(self.bound.rtol, self.bound.atol * abs(size))
        return bool(close(left, right, bound, equal_nan=self.equal_nan).all())
