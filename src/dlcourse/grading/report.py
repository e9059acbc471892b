"""The result of grading one submission: one versioned model, rendered many ways.

Everything under a key `timing` may differ between two gradings of the same submission with the
same seed; nothing else may.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dlcourse.sandbox.tier import Tier  # noqa: TC001 - pydantic reads the annotations when it runs

FORMAT_VERSION: Final = 1


class Outcome(StrEnum):
    """The five ways in which a test ends."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    BROKEN = "broken"

    @property
    def lost(self) -> bool:
        """Whether graded code did what is wrong."""
        return self in {Outcome.FAILED, Outcome.ERROR}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Location(_Model):
    """A place in graded code; `file` is relative to the submission."""

    file: str
    line: int


class Raised(_Model):
    """An exception that graded code raised, cut to the learner's own frames."""

    type: str
    message: str
    traceback: str = ""


class Misconception(_Model):
    """The planted mistake that graded code behaves like, and where to read about it."""

    id: str
    text: str
    hint: str
    anchor: str | None = None


class Timing(_Model):
    """Seconds spent: `cpu` by the worker in this test, `wall` by the clock on the wall."""

    cpu: float = 0.0
    wall: float = 0.0


class TestReport(_Model):
    """How one test of a suite ended.

    `points` is what the test carries, `earned` what was won: all of it or nothing. `observed`
    holds sentences about what graded code did; `output` what it printed, bounded.
    `claims` says that the verdict rests on what the worker said of itself. `attempts` counts the
    workers that the test was tried in.
    """

    # pytest would otherwise try to collect a class of this name.
    __test__ = False

    name: str
    sentence: str
    outcome: Outcome
    points: float
    earned: float
    observed: tuple[str, ...] = ()
    location: Location | None = None
    raised: Raised | None = None
    output: str = ""
    misconception: Misconception | None = None
    claims: bool = False
    attempts: int = 1
    timing: Timing = Timing()


class Versions(_Model):
    """SHA-256 of what decided the outcome, in hexadecimal; None where a file could not be read."""

    submission: str | None
    suite: str
    solution: str


class ExerciseReport(_Model):
    """All tests of one exercise for one submission.

    `problem` is a sentence about the submission as a whole, when it could not be opened or
    loaded: each test then repeats it. `misconception` is the planted mistake that fits all the
    results together best. `points` counts the tests that count: skipped and broken ones leave it.
    """

    exercise: str
    day: str
    title: str
    file: str
    weight: float
    device: str
    versions: Versions
    tests: tuple[TestReport, ...]
    points: float
    earned: float
    problem: str | None = None
    misconception: Misconception | None = None
    timing: Timing = Timing()

    @property
    def score(self) -> float | None:
        """The share of the points that was won, from 0 to 1; None where no point counts."""
        return self.earned / self.points if self.points else None


class Layer(_Model):
    """One layer of confinement, as it was obtained or not, with the reason."""

    name: str
    active: bool
    detail: str


class Confinement(_Model):
    """What held the worker; `tier` is what the layers amount to."""

    tier: Tier
    layers: tuple[Layer, ...]


class Environment(_Model):
    """The program versions under which the report was made."""

    dlcourse: str
    python: str
    torch: str
    platform: str


class Report(_Model):
    """The result of grading one submission.

    `seed` repeats the run on the machine that made it (`--seed`). `score` runs from 0 to 1: the
    mean of the exercises' scores, by weight; None where nothing counts.
    """

    format_version: Literal[1] = FORMAT_VERSION
    course: str
    seed: int
    isolation: Literal["exercise", "test"] = "exercise"
    environment: Environment
    confinement: Confinement
    exercises: tuple[ExerciseReport, ...]
    points: float
    earned: float
    score: float | None = Field(ge=0, le=1)
    timing: Timing = Timing()

    def counts(self) -> dict[Outcome, int]:
        """How many tests ended in each of the five ways."""
        ended = [test.outcome for exercise in self.exercises for test in exercise.tests]
        return {outcome: ended.count(outcome) for outcome in Outcome}
