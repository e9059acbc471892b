"""Programs graded many at a time, each through the whole boundary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

from dlcourse.errors import CourseError
from dlcourse.grading.check import Request, hidden_paths, job_for
from dlcourse.grading.job import GraderSettings
from dlcourse.grading.pool import GraderPool
from dlcourse.grading.report import TestReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dlcourse.audit.programs import Program
    from dlcourse.course import Course, Exercise
    from dlcourse.grading.pool import Desk


@dataclass(frozen=True)
class Trial:
    """One grading of one program: under which run number, and until its first lost test or not.

    `signatures` is the file by which lost tests are explained, if it is not the exercise's own.
    """

    program: Program
    run: int
    isolation: Literal["exercise", "test"] = "exercise"
    until_lost: bool = False
    signatures: Path | None = None


@dataclass(frozen=True)
class Result:
    """How a trial ended: its tests in the suite's order, or why there are none.

    `misconception` is the planted mistake that its results were taken for.
    """

    trial: Trial
    tests: tuple[TestReport, ...] = ()
    problem: str | None = None
    misconception: str | None = None

    @property
    def lost(self) -> tuple[TestReport, ...]:
        """The tests that the program lost."""
        return tuple(test for test in self.tests if test.outcome.lost)


class Farm:
    """Grades trials side by side.

    `folder` is there as long as the farm is, for files that trials share.
    """

    def __init__(self, course: Course, *, secret: str, jobs: int) -> None:
        self._course = course
        settings = GraderSettings(hidden=hidden_paths(course), secret=secret, warm=True)
        self._pool = GraderPool(settings, jobs)
        self.folder = self._pool.folder

    def results(self, exercise: Exercise, trials: Iterable[Trial]) -> Iterator[Result]:
        """Run trials side by side; yields their results in order."""

        def run(desk: Desk, trial: Trial) -> Result:
            return self._run(desk, exercise, trial)

        yield from self._pool.in_order(run, trials)

    def _run(self, desk: Desk, exercise: Exercise, trial: Trial) -> Result:
        with desk.handed_in(exercise, _sources(exercise, trial.program)) as workdir:
            request = Request(
                self._course, (exercise,), workdir, trial.run, isolation=trial.isolation
            )
            job = replace(job_for(request, exercise), until_lost=trial.until_lost)
            if trial.signatures is not None:
                job = replace(job, signatures=str(trial.signatures))
            try:
                events = list(desk.grader.grade(job))
            except CourseError as error:
                return Result(trial, problem=str(error))
        tests = [event["test"] for event in events if event["event"] == "test"]
        said = events[-1].get("misconception")
        return Result(
            trial,
            tuple(TestReport.model_validate(test) for test in tests),
            misconception=said and said["id"],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        self._pool.__exit__(*ending)


def _sources(exercise: Exercise, program: Program) -> dict[str, bytes]:
    """A program with the helper files of the solution, by module name."""
    sources = {exercise.name: program.source.encode()}
    for helper in exercise.files:
        file = exercise.solution.parent / helper
        if file.is_file():
            sources[file.stem] = file.read_bytes()
    return sources
