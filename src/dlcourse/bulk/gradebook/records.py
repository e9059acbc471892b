"""What a gradebook holds, as it is handed out: plain values that no database stands behind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dlcourse.bulk.gradebook.packing import unpack_confinement, unpack_report

if TYPE_CHECKING:
    from datetime import datetime

    from dlcourse.grading.report import Confinement, ExerciseReport
    from dlcourse.sandbox.tier import Tier


class State(StrEnum):
    """What was decided about a result."""

    ACCEPTED = "accepted"
    PROPOSED = "proposed"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Student:
    """A student; `key` is the identity, the rest may change with the roster."""

    key: str
    name: str | None = None
    email: str | None = None
    section: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One exercise of one student, as it was handed in once.

    `content` is the SHA-256 of the sources, or of the refusal where they could not be read.
    `submitted_at` is None where the layout tells no time; `origin` is where the files lay.
    `seen_at` is when this gradebook met the attempt first.
    """

    id: int
    student: str
    day: str
    exercise: str
    content: str
    submitted_at: datetime | None
    origin: str
    seen_at: datetime


@dataclass(frozen=True)
class GradedUnder:
    """Everything that decided a result: hashes (SHA-256), versions, device, seed, confinement."""

    submission: str | None
    suite: str
    solution: str
    dlcourse: str
    python: str
    torch: str
    platform: str
    device: str
    seed: int
    tier: Tier


@dataclass(frozen=True)
class Result:
    """One grading of an attempt.

    `key` is the cache key: equal keys mean the same sources under the same versions.
    `score` runs from 0 to 1; None where no point counts. `report` and `confinement` are unpacked
    when they are first asked for.
    """

    id: int
    attempt: int
    key: str
    points: float
    earned: float
    collapsed: bool
    under: GradedUnder
    graded_at: datetime
    state: State
    packed_report: bytes
    packed_confinement: bytes

    @property
    def score(self) -> float | None:
        """The share of the points that was won, as the report says it."""
        return self.earned / self.points if self.points else None

    @cached_property
    def report(self) -> ExerciseReport:
        """The whole report, equal to the one that was recorded."""
        return unpack_report(self.packed_report)

    @cached_property
    def confinement(self) -> Confinement:
        """What held the worker, layer by layer."""
        return unpack_confinement(self.packed_confinement)


@dataclass(frozen=True)
class Decision:
    """What was decided about a result, by whom and why; the grader's own decisions name nobody."""

    result: int
    state: State
    author: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Withdrawal:
    """Who took an adjustment back, and why."""

    author: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Adjustment:
    """A change of a score by hand, of one exercise or of a whole day: one of the two is None.

    Either `points` are added, in points of the exercise or day and negative to take away, or
    `score` is set, as a share of 1.
    """

    id: int
    student: str
    exercise: str | None
    day: str | None
    points: float | None
    score: float | None
    author: str
    reason: str
    at: datetime
    withdrawn: Withdrawal | None = None


@dataclass(frozen=True)
class Extension:
    """A later due time for one student and day."""

    id: int
    student: str
    day: str
    until: datetime
    author: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Run:
    """One invocation of grading: its number is the seed; `finished_at` is None if it was cut."""

    id: int
    number: int
    arguments: dict[str, Any]
    started_at: datetime
    finished_at: datetime | None = None
