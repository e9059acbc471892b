"""Grades one submission: every exercise asked for, one after another, into one report."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol

from dlcourse import __version__
from dlcourse.course import Course, Exercise
from dlcourse.errors import CourseError
from dlcourse.grading import score
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import Job
from dlcourse.grading.report import (
    Confinement,
    Environment,
    ExerciseReport,
    Layer,
    Outcome,
    Report,
    TestReport,
    Timing,
    Versions,
)

_HOLDING = frozenset({"landlock", "seccomp"})


class Listener(Protocol):
    """Hears of each step while a submission is graded."""

    def exercise_started(
        self, name: str, title: str, file: str, *, problem: str | None = None
    ) -> None:
        """An exercise begins; `problem` is why none of its tests can run, if so."""

    def test_finished(self, test: TestReport) -> None:
        """A test ended."""

    def exercise_finished(self, exercise: ExerciseReport) -> None:
        """All tests of an exercise ended."""


@dataclass(frozen=True)
class Request:
    """What to grade: which exercises of the tree `workdir`, under which run number."""

    course: Course
    exercises: Sequence[Exercise]
    workdir: Path
    run: int
    only: tuple[str, ...] = ()
    isolation: Literal["exercise", "test"] = "exercise"


@dataclass
class _Facts:
    """What the grader process tells of itself along the way."""

    torch: str = ""
    layers: tuple[Layer, ...] = field(default=())


def hidden_paths(course: Course) -> tuple[str, ...]:
    """What no worker may read: the course's suites and solutions."""
    return tuple(str(course.root / tree) for tree in ("graders", "solutions"))


def check(request: Request, grader: GraderProcess, listener: Listener) -> Report:
    """Grade a submission; raises UsageError for a test asked for that no suite holds."""
    start = time.monotonic()
    facts = _Facts()
    reports = tuple(
        _grade(request, exercise, grader, listener, facts) for exercise in request.exercises
    )
    return Report(
        course=request.course.title,
        seed=request.run,
        isolation=request.isolation,
        environment=Environment(
            dlcourse=__version__,
            python=platform.python_version(),
            torch=facts.torch,
            platform=f"{platform.system()} {platform.machine()}",
        ),
        confinement=confinement(facts.layers),
        exercises=reports,
        points=sum(report.points for report in reports),
        earned=sum(report.earned for report in reports),
        score=score.overall(reports),
        timing=Timing(
            cpu=sum(report.timing.cpu for report in reports), wall=time.monotonic() - start
        ),
    )


def _grade(
    request: Request,
    exercise: Exercise,
    grader: GraderProcess,
    listener: Listener,
    facts: _Facts,
) -> ExerciseReport:
    """Grade one exercise, passing on what happens."""
    start = time.monotonic()
    job = job_for(request, exercise)
    tests: list[TestReport] = []
    ending: dict[str, Any] = {}
    announced = False

    def announce(problem: str | None) -> None:
        nonlocal announced
        if not announced:
            announced = True
            listener.exercise_started(
                exercise.name, exercise.title, str(job.file), problem=problem
            )

    try:
        for event in grader.grade(job):
            if event["event"] == "problem":
                announce(event["message"])
            elif event["event"] == "test":
                announce(None)
                tests.append(TestReport.model_validate(event["test"]))
                listener.test_finished(tests[-1])
            else:
                ending = event
    except CourseError as error:
        announce(None)
        tests.append(_broken_suite(str(error)))
        listener.test_finished(tests[-1])
    facts.torch = ending.get("torch", facts.torch)
    facts.layers = tuple(Layer(**layer) for layer in ending.get("layers", ())) or facts.layers
    report = ExerciseReport(
        exercise=exercise.name,
        day=exercise.day,
        title=exercise.title,
        file=str(job.file),
        weight=exercise.weight,
        device=job.device,
        versions=Versions(**ending["versions"]) if ending else _NO_VERSIONS,
        tests=tuple(tests),
        points=score.countable(tests),
        earned=score.earned(tests),
        problem=ending.get("problem"),
        timing=Timing(
            cpu=sum(test.timing.cpu for test in tests), wall=time.monotonic() - start
        ),
    )
    listener.exercise_finished(report)
    return report


_NO_VERSIONS = Versions(submission=None, suite="", solution="")


def _broken_suite(message: str) -> TestReport:
    """The one test of an exercise whose suite could not be run."""
    return TestReport(
        name="suite",
        sentence="The hidden tests of this exercise can be run.",
        outcome=Outcome.BROKEN,
        points=0,
        earned=0,
        observed=(message,),
    )


def job_for(request: Request, exercise: Exercise) -> Job:
    """The grader's job for one exercise."""
    folder = _folder_of(request.workdir, exercise)
    names = (exercise.name, *(Path(file).stem for file in exercise.files))
    return Job(
        exercise=exercise.name,
        suite=str(exercise.suite),
        solution=str(exercise.solution),
        workdir=str(request.workdir),
        files={name: str(folder / f"{name}.py") for name in names},
        run=request.run,
        only=request.only,
        isolation=request.isolation,
    )


def _folder_of(workdir: Path, exercise: Exercise) -> PurePosixPath:
    """Where beneath `workdir` the exercise lies: in its day's folder, as in a course."""
    places = (PurePosixPath(exercise.day), PurePosixPath("exercises", exercise.day))
    for place in places:
        if os.path.lexists(workdir / place / f"{exercise.name}.py"):
            return place
    return places[1] if (workdir / "exercises").is_dir() else places[0]


def confinement(layers: Sequence[Layer]) -> Confinement:
    """What the layers amount to: confined once neither files nor system calls are free."""
    active = {layer.name for layer in layers if layer.active}
    tier: Literal["confined", "none"] = "confined" if active >= _HOLDING else "none"
    return Confinement(tier=tier, layers=tuple(layers))

