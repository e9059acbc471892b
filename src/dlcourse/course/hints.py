"""The hints of an exercise in the order in which a learner is given them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlcourse.course.mistakes import load_mistakes

if TYPE_CHECKING:
    from dlcourse.course.mistakes import Mistake
    from dlcourse.course.model import Exercise
    from dlcourse.course.progress import ExerciseProgress


@dataclass(frozen=True)
class Hint:
    """One hint: the `number`th of the exercise's own, or that of a planted `mistake`.

    `key` is how it is remembered.
    """

    key: str
    text: str
    number: int = 0
    mistake: Mistake | None = None


def next_hint(exercise: Exercise, progress: ExerciseProgress) -> Hint | None:
    """Return the hint to show next; None after the last.

    First of all comes that of the mistake which the last check fits, unless it was shown before.

    Raises:
        CourseDefects: the file of mistakes is broken.
    """
    fitting = f"mistake:{progress.misconception}"
    if progress.misconception and fitting not in progress.shown:
        hint = find_hint(exercise, fitting)
        if hint is not None:
            return hint
    return next((hint for hint in _own(exercise) if hint.key not in progress.shown), None)


def last_hint(exercise: Exercise, progress: ExerciseProgress) -> Hint | None:
    """Return the hint that was shown last and still exists; None if there is none.

    Raises:
        CourseDefects: the file of mistakes is broken.
    """
    found = (find_hint(exercise, key) for key in reversed(progress.shown))
    return next((hint for hint in found if hint is not None), None)


def find_hint(exercise: Exercise, key: str) -> Hint | None:
    """Return the hint that is remembered as `key`; None where the course has it no more."""
    kind, _, name = key.partition(":")
    if kind == "mistake":
        found = (mistake for mistake in load_mistakes(exercise) if mistake.id == name)
        return next((Hint(key, mistake.hint, mistake=mistake) for mistake in found), None)
    return next((hint for hint in _own(exercise) if hint.key == key), None)


def _own(exercise: Exercise) -> list[Hint]:
    return [
        Hint(f"hint:{number}", text, number) for number, text in enumerate(exercise.hints, start=1)
    ]
