"""The names of days, and the score of a whole one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dlcourse.bulk.policy.grade import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dlcourse.bulk.policy.grade import Change, ExerciseGrade

_DAY: Final = re.compile(r"(day[0-9]{2})(?:_[a-z0-9_]+)?")


def is_day(name: str) -> bool:
    """Whether `name` is a day, as `day24` or `day24_reinforcement`."""
    return _DAY.fullmatch(name) is not None


def short_name(name: str) -> str:
    """Return `day24` for `day24_reinforcement`; another name stays as it is."""
    found = _DAY.fullmatch(name)
    return found[1] if found else name


def day_score(
    grades: Mapping[str, ExerciseGrade],
    weights: Mapping[str, float],
    adjustments: Iterable[Change] = (),
) -> float | None:
    """Return the mean of the exercises' scores by weight, then changed by the day's adjustments.

    1 is everything; a bonus may lead beyond. What is not in `weights` weighs 1. Exercises whose
    suite is broken leave the mean. The mean is None where nothing counts, and where an exercise is
    not graded yet or the grader broke down over it: leaving that out would reward it.
    Points are added as shares of all points of the day.
    """
    score = _mean(grades, weights)
    points = sum(grade.points for grade in grades.values())
    for change in adjustments:
        if change.withdrawn is not None:
            continue
        if change.score is not None:
            score = change.score
        elif change.points is not None and score is not None and points:
            score += change.points / points
    return score if score is None else max(score, 0.0)


def _mean(grades: Mapping[str, ExerciseGrade], weights: Mapping[str, float]) -> float | None:
    if any(grade.score is None and grade.state in _OPEN for grade in grades.values()):
        return None
    scores = [
        (weights.get(name, 1.0), grade.score)
        for name, grade in grades.items()
        if grade.score is not None
    ]
    weight = sum(share for share, _ in scores)
    return sum(share * score for share, score in scores) / weight if weight else None


_OPEN: Final = (State.NOT_GRADED, State.COLLAPSED)
