"""All that is wrong with the form of an exercise, and what cannot be told yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlcourse.audit.form.anchors import is_pending
from dlcourse.audit.form.source import read_source
from dlcourse.audit.form.stub import stub_defects
from dlcourse.audit.form.suite import suite_defects
from dlcourse.audit.form.tables import (
    hint_defects,
    mistake_defects,
    theory_defects,
    variant_defects,
)
from dlcourse.audit.form.twins import twin_defects
from dlcourse.course import load_mistakes
from dlcourse.course.defects import CourseDefects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlcourse.course import Defect, Exercise


@dataclass(frozen=True)
class Form:
    """What is wrong, file by file, and the anchors into theory that is not written yet."""

    defects: tuple[Defect, ...]
    pending: tuple[str, ...]


def examine(exercise: Exercise) -> Form:
    """Return what is wrong with the files of `exercise`; nothing in them is run."""
    found: list[Defect] = []
    stub = read_source(exercise.root, exercise.stub, found)
    solution = read_source(exercise.root, exercise.solution, found)
    suite = read_source(exercise.root, exercise.suite, found)
    if stub and solution:
        found += twin_defects(stub, solution)
        found += stub_defects(exercise, stub, solution)
        found += variant_defects(exercise, stub, solution)
    if suite:
        found += suite_defects(suite)
    found += mistake_defects(exercise, suite)
    found += hint_defects(exercise)
    found += theory_defects(exercise)
    return Form(tuple(found), _pending(exercise))


def examine_all(exercises: Iterable[Exercise]) -> Form:
    """Return what is wrong with several exercises, and each pending anchor once."""
    forms = [examine(exercise) for exercise in exercises]
    pending = dict.fromkeys(anchor for form in forms for anchor in form.pending)
    return Form(tuple(defect for form in forms for defect in form.defects), tuple(pending))


def _pending(exercise: Exercise) -> tuple[str, ...]:
    try:
        mistakes = load_mistakes(exercise)
    except CourseDefects:
        mistakes = ()
    anchors = (*exercise.theory, *(mistake.theory for mistake in mistakes if mistake.theory))
    return tuple(dict.fromkeys(each for each in anchors if is_pending(exercise.root, each)))
