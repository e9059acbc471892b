"""What exercises, days and weights say about each other."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from dlcourse.course.defects import Defect
from dlcourse.course.layout import COURSE_FILE
from dlcourse.course.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from dlcourse.course.draft import DayDraft
    from dlcourse.course.tables import ExerciseTable, WeightsTable

_OTHERWISE = "take it away, or name one that exists"


def link_defects(days: Sequence[DayDraft], weights: WeightsTable) -> Iterator[Defect]:
    """Yield names that stand for two exercises or for none, and circles of prerequisites."""
    homes = {name: day for day in reversed(days) for name in day.names}
    yield from _doubles(days)
    for day, exercise in _exercises(days):
        yield from _unknown_prerequisites(day, exercise, homes)
        yield from _helpers_named_as_exercises(day, exercise, homes)
    yield from _circles(days, homes)
    yield from _weightless("exercises", weights.exercises, homes)
    yield from _weightless("days", weights.days, [day.folder for day in days])


def _exercises(days: Iterable[DayDraft]) -> Iterator[tuple[DayDraft, ExerciseTable]]:
    for day in days:
        if day.table:
            for exercise in day.table.exercise:
                yield day, exercise


def _doubles(days: Iterable[DayDraft]) -> Iterator[Defect]:
    first: dict[str, str] = {}
    for day in days:
        for name in day.names:
            if name in first:
                problem = f"is also an exercise of `{first[name]}`"
                yield Defect(day.file, f"exercise.{name}.name", problem, "rename one of the two")
            first.setdefault(name, day.folder)


def _unknown_prerequisites(
    day: DayDraft, exercise: ExerciseTable, known: Collection[str]
) -> Iterator[Defect]:
    for name in exercise.prerequisites:
        if name not in known:
            key = f"exercise.{exercise.name}.prerequisites"
            problem = f"names `{name}`, which is no exercise"
            yield Defect(day.file, key, problem, did_you_mean(name, known, _OTHERWISE))


def _helpers_named_as_exercises(
    day: DayDraft, exercise: ExerciseTable, known: Collection[str]
) -> Iterator[Defect]:
    for file in exercise.files:
        if file.removesuffix(".py") in known:
            key = f"exercise.{exercise.name}.files"
            yield Defect(day.file, key, f"names `{file}`, which is an exercise", "rename the file")


def _circles(days: Sequence[DayDraft], homes: dict[str, DayDraft]) -> Iterator[Defect]:
    needs = {exercise.name: list(exercise.prerequisites) for _, exercise in _exercises(days)}
    order = {name: position for position, name in enumerate(needs)}
    while circle := _circle(needs):
        # Each name needs the next one. Without its last step the circle is broken.
        first = circle.index(min(circle, key=order.__getitem__))
        circle = circle[first:] + circle[:first]
        needs[circle[-1]].remove(circle[0])
        steps = " → ".join(f"`{name}`" for name in (*circle, circle[0]))
        key = f"exercise.{circle[0]}.prerequisites"
        problem = f"needs itself: {steps}"
        yield Defect(homes[circle[0]].file, key, problem, "take one of these prerequisites away")


def _circle(needs: dict[str, list[str]]) -> list[str]:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        names: list[str] = error.args[1]
        return names[:0:-1]
    return []


def _weightless(kind: str, weights: Iterable[str], known: Collection[str]) -> Iterator[Defect]:
    for name in weights:
        if name not in known:
            problem = f"names no {kind.removesuffix('s')} of this course"
            remedy = did_you_mean(name, known, _OTHERWISE)
            yield Defect(COURSE_FILE, f"weights.{kind}.{name}", problem, remedy)
