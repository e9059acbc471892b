"""What a suite's author imports."""

from __future__ import annotations

from dlcourse.sandbox.not_mirrored import NotMirrored
from dlcourse.testing import ranks
from dlcourse.testing.allowed import (
    assert_allowed,
    assert_grows_at_most,
    assert_largest_at_most,
    assert_operations_at_most,
    assert_saves_at_most,
)
from dlcourse.testing.bystanders import assert_leaves_gradients_alone
from dlcourse.testing.conformance import assert_any_strides, assert_follows_dtype, assert_refused
from dlcourse.testing.distributed import (
    Event,
    RanksRun,
    assert_holds_at_most,
    assert_sends_at_most,
    run_ranks,
)
from dlcourse.testing.gradchecks import assert_gradcheck, assert_gradgradcheck
from dlcourse.testing.gradients import (
    assert_gradients_match,
    assert_nonzero_gradient,
    assert_zero_gradient,
)
from dlcourse.testing.guards import GuardedCall, assert_guards_intact, call_guarded
from dlcourse.testing.inputs import (
    FLOATING,
    each_dtype,
    extremes,
    kernel_sizes,
    magnitudes,
    masks,
    odd_shapes,
    spread_logits,
    strided,
    ties,
)
from dlcourse.testing.markers import fresh, in_worker, points, requires
from dlcourse.testing.mismatch import Mismatch
from dlcourse.testing.modules import (
    assert_deepcopy,
    assert_eval_is_deterministic,
    assert_parameters,
    assert_state_dict_round_trip,
    assert_train_differs,
)
from dlcourse.testing.optimizers import assert_optimizer_resumes, optimizer_steps
from dlcourse.testing.purity import assert_pure, assert_view_of
from dlcourse.testing.randomness import assert_reproducible, spawn
from dlcourse.testing.statistics import assert_frequencies, assert_rate, assert_sampled_from
from dlcourse.testing.student import Solution, Student
from dlcourse.testing.tolerances import tolerance
from dlcourse.testing.values import assert_values_match
from dlcourse.testing.watching import Watched, watch

__all__ = [
    "FLOATING",
    "Event",
    "GuardedCall",
    "Mismatch",
    "NotMirrored",
    "RanksRun",
    "Solution",
    "Student",
    "Watched",
    "assert_allowed",
    "assert_any_strides",
    "assert_deepcopy",
    "assert_eval_is_deterministic",
    "assert_follows_dtype",
    "assert_frequencies",
    "assert_gradcheck",
    "assert_gradgradcheck",
    "assert_gradients_match",
    "assert_grows_at_most",
    "assert_guards_intact",
    "assert_holds_at_most",
    "assert_largest_at_most",
    "assert_leaves_gradients_alone",
    "assert_nonzero_gradient",
    "assert_operations_at_most",
    "assert_optimizer_resumes",
    "assert_parameters",
    "assert_pure",
    "assert_rate",
    "assert_refused",
    "assert_reproducible",
    "assert_sampled_from",
    "assert_saves_at_most",
    "assert_sends_at_most",
    "assert_state_dict_round_trip",
    "assert_train_differs",
    "assert_values_match",
    "assert_view_of",
    "assert_zero_gradient",
    "call_guarded",
    "each_dtype",
    "extremes",
    "fresh",
    "in_worker",
    "kernel_sizes",
    "magnitudes",
    "masks",
    "odd_shapes",
    "optimizer_steps",
    "points",
    "ranks",
    "requires",
    "run_ranks",
    "spawn",
    "spread_logits",
    "strided",
    "ties",
    "tolerance",
    "watch",
]
