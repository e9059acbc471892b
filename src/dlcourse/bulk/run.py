"""A class graded: every submission's exercises, each result kept before the next is taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from dlcourse.bulk.gradebook import State
from dlcourse.bulk.marking import Marker, Task
from dlcourse.bulk.submissions import locate
from dlcourse.grading.check import confinement, environment, hidden_paths
from dlcourse.grading.job import GraderSettings
from dlcourse.grading.key import Setting, content_digest, exercise_digest, report_key
from dlcourse.grading.pool import GraderPool
from dlcourse.grading.report import Confinement, Environment, ExerciseReport, Layer
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlcourse.bulk.gradebook import Attempt, Gradebook, Result
    from dlcourse.bulk.marking import Done
    from dlcourse.bulk.submissions import Submission
    from dlcourse.course import Course, Exercise
    from dlcourse.grading.pool import Desk
    from dlcourse.sandbox.tier import Tier


class Step(StrEnum):
    """What became of one exercise of one submission."""

    GRADED = "graded"
    KEPT = "kept"  # the gradebook had its result
    OUTDATED = "outdated"  # it has one of other versions, which stays until somebody regrades
    ABSENT = "absent"  # it was not handed in


@dataclass(frozen=True)
class ClassRequest:
    """Which exercises of which submissions to grade, and how.

    `handed_in` are the students' keys with their submissions. `regrade` proposes a new result
    where the gradebook's is of other versions.
    """

    course: Course
    exercises: Sequence[Exercise]
    handed_in: Sequence[tuple[str, Submission]]
    run: int
    secret: str
    required: Tier
    jobs: int
    regrade: bool = False


class Listener(Protocol):
    """Hears of each exercise of each submission, in the order in which they are done."""

    def begun(self, total: int, confinement: Confinement) -> None:
        """Grading begins; so many exercises of submissions are ahead."""

    def done(
        self, step: Step, student: str, exercise: Exercise, report: ExerciseReport | None
    ) -> None:
        """One is done; `report` is None where it was not handed in."""


def grade_class(request: ClassRequest, book: Gradebook, listener: Listener) -> Confinement:
    """Grade what the gradebook has no result of; returns how graded code was held.

    Whatever ends this early, what was told as done is kept, and the same call goes on from there.

    Raises:
        UnavailableError: graded code is held less than required, or the gradebook is out of reach.
        CourseError: the gradebook cannot be written.
    """
    settings = GraderSettings(
        hidden=hidden_paths(request.course),
        secret=request.secret,
        warm=True,
        required=request.required,
    )
    with GraderPool(settings, request.jobs) as pool:
        (held,) = pool.in_order(_held, [None])
        plan = _Plan(request, book, listener, held)
        listener.begun(len(request.handed_in) * len(request.exercises), held)
        marker = Marker(request.course, request.run)
        for done in pool.as_done(marker.mark, plan.tasks()):
            plan.keep(done)
    return held


def _held(desk: Desk, _: None) -> Confinement:
    return confinement([Layer(**layer) for layer in desk.grader.layers()])


@dataclass(frozen=True)
class _Mark:
    """What a task is known by: the attempt that it grades and the key of its result."""

    attempt: Attempt
    key: str
    proposed: bool


@dataclass
class _Plan:
    """What is to be graded, found out while grading goes on, and what is done with it."""

    request: ClassRequest
    book: Gradebook
    listener: Listener
    held: Confinement
    environment: Environment = field(default_factory=lambda: environment(version("torch")))

    def __post_init__(self) -> None:
        setting = Setting(self.request.run, self.request.secret, self.held.tier).digest()
        self._keys = {
            exercise.name: partial(report_key, exercise=exercise_digest(exercise), setting=setting)
            for exercise in self.request.exercises
        }

    def tasks(self) -> Iterator[Task[_Mark]]:
        """Yield what is to be graded, student by student."""
        for student, submission in self.request.handed_in:
            for exercise in self.request.exercises:
                task = self._task(student, submission, exercise)
                if task is not None:
                    yield task

    def keep(self, done: Done[_Mark]) -> None:
        """Put a report into the gradebook, and tell of it when it is there."""
        mark = done.task.mark
        layers = done.graded.layers
        held = confinement(layers) if layers else self.held
        self._record(mark, done.report, held)
        self.listener.done(Step.GRADED, mark.attempt.student, done.task.exercise, done.report)

    def _record(self, mark: _Mark, report: ExerciseReport, held: Confinement) -> None:
        self.book.record(
            mark.attempt,
            report,
            key=mark.key,
            environment=self.environment,
            confinement=held,
            seed=self.request.run,
            proposed=mark.proposed,
        )

    def _task(self, student: str, submission: Submission, exercise: Exercise) -> Task[_Mark] | None:
        """What is to be graded of one exercise; None where nothing is."""
        sources, refusal = read(submission, exercise)
        if not sources and not refusal:
            self.listener.done(Step.ABSENT, student, exercise, None)
            return None
        content = content_digest(sources or {"": refusal.encode()})
        attempt = self.book.add_attempt(
            student=student,
            day=exercise.day,
            exercise=exercise.name,
            content=content,
            submitted_at=submission.submitted_at,
            origin=submission.origin,
        )
        mark = self._due(attempt, exercise, self._keys[exercise.name](content))
        return None if mark is None else Task(exercise, sources, refusal, mark)

    def _due(self, attempt: Attempt, exercise: Exercise, key: str) -> _Mark | None:
        """What an attempt is to be graded for; None where the gradebook has what is needed."""
        counting = self.book.latest(attempt)
        known = self._known(attempt, key, counting)
        if known is not None:
            self.listener.done(Step.KEPT, attempt.student, exercise, known.report)
            return None
        is_judged = counting is not None and _is_verdict(counting)
        if counting is not None and is_judged and not self.request.regrade:
            self.listener.done(Step.OUTDATED, attempt.student, exercise, counting.report)
            return None
        mark = _Mark(attempt, key, proposed=is_judged)
        twin = self.book.result_for(key)
        if twin is None or not _is_verdict(twin):
            return mark
        # Somebody handed in the very same files.
        self._record(mark, twin.report, twin.confinement)
        self.listener.done(Step.KEPT, attempt.student, exercise, twin.report)
        return None

    def _known(self, attempt: Attempt, key: str, counting: Result | None) -> Result | None:
        """The attempt's own result with this key: the one that counts, or one to decide about."""
        results = [one for one in self.book.results(attempt) if one.key == key and _is_verdict(one)]
        return next(
            (one for one in results if one == counting or one.state is not State.ACCEPTED), None
        )


def _is_verdict(result: Result) -> bool:
    """Whether graded code was judged: where the grader itself was broken, it is tried again."""
    return not result.collapsed and result.score is not None


def read(submission: Submission, exercise: Exercise) -> tuple[dict[str, bytes], str]:
    """Return an exercise's files by module name, and why they cannot be read, if so.

    Both are empty where the exercise was not handed in.
    """
    if submission.problem:
        return {}, submission.problem
    try:
        places = locate(submission, exercise)
        return {name: submission.read(path) for name, path in places.items()}, ""
    except Unreadable as error:
        return {}, str(error)
