"""Grades one submission: every exercise asked for, one after another, into one report."""

from __future__ import annotations

import dataclasses
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dlcourse import __version__
from dlcourse.errors import CourseError
from dlcourse.grading import score
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
from dlcourse.grading.selection import means, require_known
from dlcourse.sandbox.tier import tier_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dlcourse.course import Course, Exercise
    from dlcourse.grading.client import GraderProcess

_NO_VERSIONS = Versions(submission=None, suite="", solution="")


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


class Silent:
    """A listener that says nothing: the report comes at the end."""

    def exercise_started(
        self, name: str, title: str, file: str, *, problem: str | None = None
    ) -> None:
        """Say nothing."""

    def test_finished(self, test: TestReport) -> None:
        """Say nothing."""

    def exercise_finished(self, exercise: ExerciseReport) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Request:
    """What to grade: which exercises of the tree `workdir`, under which run number."""

    course: Course
    exercises: Sequence[Exercise]
    workdir: Path
    run: int
    only: tuple[str, ...] = ()
    isolation: Literal["exercise", "test"] = "exercise"


@dataclass(frozen=True)
class Graded:
    """An exercise's report and what the grader process told of itself."""

    report: ExerciseReport
    torch: str = ""
    layers: tuple[Layer, ...] = ()


def hidden_paths(course: Course) -> tuple[str, ...]:
    """What no worker may read: the course's suites and solutions."""
    return tuple(str(course.root / tree) for tree in ("graders", "solutions"))


def trains(exercises: Iterable[Exercise]) -> bool:
    """Whether a suite of these uses optimizers.

    Their first use imports the compiler stack. That takes more than a second of processor time,
    and no learner's test should have to pay it.
    """
    return any(
        "torch.optim" in exercise.suite.read_text(encoding="utf-8") for exercise in exercises
    )


def check(request: Request, grader: GraderProcess, listener: Listener) -> Report:
    """Grade a submission.

    Raises:
        UnavailableError: a worker is confined less than the grader's settings require. There is
            no report then, whatever was graded before.
        UsageError: a test was asked for that no suite holds.
    """
    start = time.monotonic()
    layers = _required_layers(grader)
    graded = [
        grade_exercise(exercise, job, grader, listener)
        for exercise, job in list(_jobs(request, grader))
    ]
    reports = tuple(one.report for one in graded)
    return Report(
        course=request.course.title,
        seed=request.run,
        isolation=request.isolation,
        environment=environment(next((one.torch for one in graded if one.torch), "")),
        confinement=confinement(next((one.layers for one in graded if one.layers), layers)),
        exercises=reports,
        points=sum(report.points for report in reports),
        earned=sum(report.earned for report in reports),
        score=score.overall(reports),
        timing=Timing(
            cpu=sum(report.timing.cpu for report in reports), wall=time.monotonic() - start
        ),
    )


def grade_exercise(
    exercise: Exercise, job: Job, grader: GraderProcess, listener: Listener
) -> Graded:
    """Grade one exercise of one submission.

    Raises:
        UnavailableError: the worker is confined less than the grader's settings require.
    """
    return _ExerciseCheck(exercise, job, listener).graded(grader)


def environment(torch: str) -> Environment:
    """The program versions here, with the one of PyTorch as the grader told it."""
    return Environment(
        dlcourse=__version__,
        python=platform.python_version(),
        torch=torch,
        platform=f"{platform.system()} {platform.machine()}",
    )


def _required_layers(grader: GraderProcess) -> tuple[Layer, ...]:
    """What holds a worker here, where a tier is required: asked before anything is graded.

    So a report in which no worker was started, as of broken suites, rests on the tier as well.
    """
    if grader.required == "none":
        return ()
    return tuple(Layer(**layer) for layer in grader.layers())


def _jobs(request: Request, grader: GraderProcess) -> Iterator[tuple[Exercise, Job]]:
    """The jobs of a request, without exercises that hold none of the tests asked for."""
    pairs = [(exercise, job_for(request, exercise)) for exercise in request.exercises]
    if not request.only:
        yield from pairs
        return
    known = {exercise.name: _tests(grader, job) for exercise, job in pairs}
    require_known(request.only, [test for tests in known.values() for test in tests or ()])
    for exercise, job in pairs:
        tests = known[exercise.name]
        if tests is None or any(means(name, test) for name in request.only for test in tests):
            yield exercise, dataclasses.replace(job, only=request.only)


def _tests(grader: GraderProcess, job: Job) -> list[str] | None:
    """The tests of a suite; None for a broken one, which its own report then shows."""
    try:
        return grader.tests(job)
    except CourseError:
        return None


@dataclass
class _ExerciseCheck:
    """One exercise while it is graded: passes on what happens and collects it."""

    exercise: Exercise
    job: Job
    listener: Listener
    tests: list[TestReport] = field(default_factory=list)
    announced: bool = False

    def graded(self, grader: GraderProcess) -> Graded:
        """Grade the exercise."""
        start = time.monotonic()
        ending = self._listen(grader)
        wall = time.monotonic() - start
        report = self._report(ending, wall)
        self.listener.exercise_finished(report)
        layers = tuple(Layer(**layer) for layer in ending.get("layers", ()))
        return Graded(report, ending.get("torch", ""), layers)

    def _listen(self, grader: GraderProcess) -> dict[str, Any]:
        """Hear every event; returns the last one, or nothing where the grader gave up."""
        try:
            for event in grader.grade(self.job):
                match event["event"]:
                    case "problem":
                        self._announce(event["message"])
                    case "test":
                        self._finish(TestReport.model_validate(event["test"]))
                    case _:
                        return event
        except CourseError as error:
            # Part of a suite is no verdict: else whoever brings the grader down keeps what he won.
            self.tests.clear()
            # A suite that can be collected broke over this submission.
            part = "suite" if _tests(grader, self.job) is None else score.COLLAPSED
            self._finish(_broken(part, str(error)))
        return {}

    def _announce(self, problem: str | None) -> None:
        if not self.announced:
            self.announced = True
            self.listener.exercise_started(
                self.exercise.name, self.exercise.title, str(self.job.file), problem=problem
            )

    def _finish(self, test: TestReport) -> None:
        self._announce(None)
        self.tests.append(test)
        self.listener.test_finished(test)

    def _report(self, ending: dict[str, Any], wall: float) -> ExerciseReport:
        return ExerciseReport(
            exercise=self.exercise.name,
            day=self.exercise.day,
            title=self.exercise.title,
            file=str(self.job.file),
            weight=self.exercise.weight,
            device=self.job.device,
            versions=Versions(**ending["versions"]) if ending else _NO_VERSIONS,
            tests=tuple(self.tests),
            points=score.countable(self.tests),
            earned=score.earned(self.tests),
            problem=ending.get("problem"),
            misconception=ending.get("misconception"),
            timing=Timing(cpu=sum(test.timing.cpu for test in self.tests), wall=wall),
        )


def _broken(part: str, message: str) -> TestReport:
    """The one test of an exercise whose suite could not be run."""
    return TestReport(
        name=part,
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
        forbidden=exercise.forbidden,
        signatures=str(exercise.signatures_file),
        mistakes=str(exercise.mistakes_file),
    )


def _folder_of(workdir: Path, exercise: Exercise) -> PurePosixPath:
    """Where beneath `workdir` the exercise lies: in its day's folder, as in a course."""
    places = (PurePosixPath(exercise.day), PurePosixPath("exercises", exercise.day))
    for place in places:
        if os.path.lexists(workdir / place / f"{exercise.name}.py"):
            return place
    return places[1] if (workdir / "exercises").is_dir() else places[0]


def confinement(layers: Sequence[Layer]) -> Confinement:
    """What held the worker, and what that amounts to."""
    tier = tier_of([layer.name for layer in layers if layer.active])
    return Confinement(tier=tier, layers=tuple(layers))
