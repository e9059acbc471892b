"""Programs graded many at a time, each through the whole boundary."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from dlcourse.errors import CourseError
from dlcourse.grading.check import Request, hidden_paths, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings
from dlcourse.grading.report import TestReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlcourse.audit.programs import Program
    from dlcourse.course import Course, Exercise


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
    """Grader processes side by side, each with a folder of its own to hand programs in.

    `folder` holds these, and is gone with them.
    """

    def __init__(self, course: Course, *, secret: str, jobs: int) -> None:
        self._course = course
        self._settings = GraderSettings(hidden=hidden_paths(course), secret=secret, warm=True)
        self._executor = ThreadPoolExecutor(jobs)
        self.folder = Path(tempfile.mkdtemp(prefix="dlcourse-audit-"))
        self._own = threading.local()
        self._desks: list[_Desk] = []

    def results(self, exercise: Exercise, trials: Iterable[Trial]) -> Iterator[Result]:
        """Run trials side by side; yields their results in order."""

        def run(trial: Trial) -> Result:
            return self._desk().run(exercise, trial)

        yield from self._executor.map(run, trials)

    def _desk(self) -> _Desk:
        desk = getattr(self._own, "desk", None)
        if not isinstance(desk, _Desk):
            folder = Path(tempfile.mkdtemp(dir=self.folder))
            desk = self._own.desk = _Desk(self._course, self._settings, folder)
            self._desks.append(desk)
        return desk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Killed at once where the audit was broken off: what they would still say counts no more.
        self._executor.shutdown(wait=False, cancel_futures=True)
        for desk in self._desks:
            desk.end()
        self._executor.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Desk:
    """Where one thread hands programs in, to a grader of its own."""

    def __init__(self, course: Course, settings: GraderSettings, folder: Path) -> None:
        self._course = course
        self._folder = folder
        self._numbers = itertools.count()
        self._grader = GraderProcess()
        self._grader.configure(settings)

    def run(self, exercise: Exercise, trial: Trial) -> Result:
        """Grade one program."""
        workdir = self._handed_in(exercise, trial.program)
        request = Request(self._course, (exercise,), workdir, trial.run, isolation=trial.isolation)
        job = replace(job_for(request, exercise), until_lost=trial.until_lost)
        if trial.signatures is not None:
            job = replace(job, signatures=str(trial.signatures))
        try:
            events = list(self._grader.grade(job))
        except CourseError as error:
            return Result(trial, problem=str(error))
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
        tests = [event["test"] for event in events if event["event"] == "test"]
        said = events[-1].get("misconception")
        return Result(
            trial,
            tuple(TestReport.model_validate(test) for test in tests),
            misconception=said and said["id"],
        )

    def _handed_in(self, exercise: Exercise, program: Program) -> Path:
        workdir = self._folder / str(next(self._numbers))
        folder = workdir / exercise.day
        folder.mkdir(parents=True)
        (folder / f"{exercise.name}.py").write_text(program.source, encoding="utf-8")
        for helper in exercise.files:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(exercise.solution.parent / helper, folder / helper)
        return workdir

    def end(self) -> None:
        """End the grader."""
        self._grader.kill()
