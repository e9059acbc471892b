"""One exercise of one submission, graded at a desk."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from dlcourse.grading import score
from dlcourse.grading.check import Graded, Request, Silent, grade_exercise, job_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dlcourse.course import Course, Exercise
    from dlcourse.grading.pool import Desk
    from dlcourse.grading.report import ExerciseReport

Mark = TypeVar("Mark")

_TRIES: Final = 2


@dataclass(frozen=True)
class Task(Generic[Mark]):
    """What to grade: an exercise's files by module name, or why they cannot be read.

    `mark` is what whoever asks will know the task by.
    """

    exercise: Exercise
    sources: Mapping[str, bytes]
    refusal: str
    mark: Mark


@dataclass(frozen=True)
class Done(Generic[Mark]):
    """A task and how it was graded."""

    task: Task[Mark]
    graded: Graded

    @property
    def report(self) -> ExerciseReport:
        """The exercise's report."""
        return self.graded.report


@dataclass(frozen=True)
class Marker:
    """Grades tasks of one course under one run number."""

    course: Course
    run: int

    def mark(self, desk: Desk, task: Task[Mark]) -> Done[Mark]:
        """Grade a task; once more, where the grader broke down over it.

        Raises:
            UnavailableError: the worker is confined less than the grader's settings require.
        """
        for _ in range(_TRIES):
            graded = self._graded(desk, task)
            if not _collapsed(graded.report):
                break
        return Done(task, graded)

    def _graded(self, desk: Desk, task: Task[Mark]) -> Graded:
        with desk.handed_in(task.exercise, task.sources) as workdir:
            request = Request(self.course, (task.exercise,), workdir, self.run)
            job = dataclasses.replace(job_for(request, task.exercise), refusal=task.refusal)
            return grade_exercise(task.exercise, job, desk.grader, Silent())


def _collapsed(report: ExerciseReport) -> bool:
    """Whether the grader itself ended, which another program of this machine may have brought."""
    return any(test.name == score.COLLAPSED for test in report.tests)
