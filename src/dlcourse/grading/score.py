"""From outcomes to points and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dlcourse.grading.report import ExerciseReport, Outcome, TestReport

if TYPE_CHECKING:
    from collections.abc import Iterable

COLLAPSED: Final = "grading"  # the one test of an exercise that the grader broke down over
_UNCOUNTED = (Outcome.SKIPPED, Outcome.BROKEN)


def countable(tests: Iterable[TestReport]) -> float:
    """The points that count: those of skipped and broken tests leave the denominator."""
    return sum(test.points for test in tests if test.outcome not in _UNCOUNTED)


def earned(tests: Iterable[TestReport]) -> float:
    """The points that were won."""
    return sum(test.earned for test in tests)


def overall(exercises: Iterable[ExerciseReport]) -> float | None:
    """The mean of the exercises' scores by weight, from 0 to 1.

    None where nothing counts, or where the grader broke down over this submission: leaving that
    exercise out would reward whoever brought the grader down. A suite that is broken for everyone
    leaves the mean.
    """
    exercises = tuple(exercises)
    if any(test.name == COLLAPSED for exercise in exercises for test in exercise.tests):
        return None
    scores = [(exercise.weight, exercise.score) for exercise in exercises]
    weight = sum(share for share, score in scores if score is not None)
    if not weight:
        return None
    return sum(share * score for share, score in scores if score is not None) / weight
