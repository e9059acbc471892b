"""What a suite's author imports."""

from __future__ import annotations

from dlcourse.sandbox.not_mirrored import NotMirrored
from dlcourse.testing.allowed import (
    assert_allowed,
    assert_largest_at_most,
    assert_operations_at_most,
    assert_saves_at_most,
)
from dlcourse.testing.gradchecks import assert_gradcheck, assert_gradgradcheck
from dlcourse.testing.gradients import (
    assert_gradients_match,
    assert_nonzero_gradient,
    assert_zero_gradient,
)
from dlcourse.testing.inputs import magnitudes, odd_shapes, strided
from dlcourse.testing.markers import fresh, in_worker, points, requires
from dlcourse.testing.mismatch import Mismatch
from dlcourse.testing.purity import assert_pure
from dlcourse.testing.randomness import assert_reproducible, spawn
from dlcourse.testing.statistics import assert_frequencies, assert_rate, assert_sampled_from
from dlcourse.testing.student import Solution, Student
from dlcourse.testing.tolerances import tolerance
from dlcourse.testing.values import assert_values_match
from dlcourse.testing.watching import Watched, watch

__all__ = [
    "Mismatch",
    "NotMirrored",
    "Solution",
    "Student",
    "Watched",
    "assert_allowed",
    "assert_frequencies",
    "assert_gradcheck",
    "assert_gradgradcheck",
    "assert_gradients_match",
    "assert_largest_at_most",
    "assert_nonzero_gradient",
    "assert_operations_at_most",
    "assert_pure",
    "assert_rate",
    "assert_reproducible",
    "assert_sampled_from",
    "assert_saves_at_most",
    "assert_values_match",
    "assert_zero_gradient",
    "fresh",
    "in_worker",
    "magnitudes",
    "odd_shapes",
    "points",
    "requires",
    "spawn",
    "strided",
    "tolerance",
    "watch",
]
