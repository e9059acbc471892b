"""The grades of a class: what the gradebook holds, by the rules of the policy."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from dlcourse.bulk.gradebook import attempt_score
from dlcourse.bulk.policy import day_score, short_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dlcourse.bulk.gradebook import Adjustment, Gradebook, Student
    from dlcourse.bulk.policy import AttemptScore, ExerciseGrade, Policy
    from dlcourse.course import Exercise


@dataclass(frozen=True)
class StudentGrades:
    """The grades of one student: of each exercise by name, and of each day by its folder.

    A day's grade is a share of 1; None where nothing counts, or something is not graded yet.
    """

    student: Student
    exercises: Mapping[str, ExerciseGrade]
    days: Mapping[str, float | None]


def grades(
    book: Gradebook, policy: Policy, exercises: Sequence[Exercise]
) -> Iterator[StudentGrades]:
    """Yield the grades of each student in the gradebook, by key, in the exercises' order."""
    attempts = _attempts(book, [exercise.name for exercise in exercises])
    extensions = {(key, short_name(day)): one for (key, day), one in book.extensions().items()}
    adjustments = _adjustments(book)
    for student in book.students():
        mine = attempts.get(student.key, {})
        found = {
            exercise.name: policy.score(
                mine.get(exercise.name, ()),
                day=exercise.day,
                extension=extensions.get((student.key, short_name(exercise.day))),
                adjustments=adjustments[student.key, exercise.name],
            )
            for exercise in exercises
        }
        yield StudentGrades(student, found, _days(student.key, exercises, found, adjustments))


def _days(
    student: str,
    exercises: Sequence[Exercise],
    found: Mapping[str, ExerciseGrade],
    adjustments: Mapping[tuple[str, str], list[Adjustment]],
) -> dict[str, float | None]:
    days = {}
    for day, some in groupby(exercises, key=lambda exercise: exercise.day):
        of_day = list(some)
        days[day] = day_score(
            {exercise.name: found[exercise.name] for exercise in of_day},
            {exercise.name: exercise.weight for exercise in of_day},
            adjustments[student, short_name(day)],
        )
    return days


def _attempts(book: Gradebook, names: Sequence[str]) -> dict[str, dict[str, list[AttemptScore]]]:
    """The attempts with their scores, by student and exercise: numbers alone, no reports."""
    found: dict[str, dict[str, list[AttemptScore]]] = defaultdict(lambda: defaultdict(list))
    for attempt, result in book.counting(names):
        found[attempt.student][attempt.exercise].append(attempt_score(attempt, result))
    return found


def _adjustments(book: Gradebook) -> Mapping[tuple[str, str], list[Adjustment]]:
    """The adjustments in force by student and by exercise or day."""
    found: dict[tuple[str, str], list[Adjustment]] = defaultdict(list)
    for change in book.adjustments():
        place = change.exercise or short_name(change.day or "")
        found[change.student, place].append(change)
    return found
