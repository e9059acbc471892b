"""The grade of one exercise, with everything that explains it."""

from __future__ import annotations

from datetime import datetime, timedelta  # noqa: TC003 - pydantic reads the annotations
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class State(StrEnum):
    """What a grade rests on.

    `broken` is a suite that counts no points, `collapsed` a grader that broke down over this
    attempt.
    """

    GRADED = "graded"
    NOT_GRADED = "not graded"
    BROKEN = "broken"
    COLLAPSED = "collapsed"
    MISSING = "missing"


class Change(Protocol):
    """An adjustment: points to add, or a score to set; withdrawn ones change nothing."""

    @property
    def points(self) -> float | None:
        """Points to add, negative to take away."""

    @property
    def score(self) -> float | None:
        """The score to set, a share of 1."""

    @property
    def author(self) -> str:
        """Who changed it."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def withdrawn(self) -> object | None:
        """Anything but None if it was taken back."""


class MoreTime(Protocol):
    """An extension."""

    @property
    def until(self) -> datetime:
        """The due time of this student and day."""


class AttemptScore(_Model):
    """One attempt of an exercise, and its accepted result if it has one.

    `score` runs from 0 to 1. It is None where the attempt is not `graded`, and where the result is
    broken: the suite's fault, or the grader `collapsed`. `points` are those that count. Attempts of
    equal `content` in a row are one piece of work, handed in at the time of the first: so a commit
    that changes another exercise does not make this one late.
    """

    id: int
    content: str = ""
    submitted_at: AwareDatetime | None
    seen_at: AwareDatetime
    score: float | None = None
    points: float = 0.0
    graded: bool = True
    collapsed: bool = False

    @property
    def state(self) -> State:
        """What a grade that rests on this attempt rests on."""
        if not self.graded:
            return State.NOT_GRADED
        if self.score is None:
            return State.COLLAPSED if self.collapsed else State.BROKEN
        return State.GRADED


class AppliedChange(_Model):
    """An adjustment as it was applied: the score before and after."""

    author: str
    reason: str
    points: float | None
    score: float | None
    before: float | None
    after: float | None


class ExerciseGrade(_Model):
    """The grade of one exercise for one student.

    `score` is what counts: a share of 1 that a bonus may lead beyond, None while there is none;
    where nothing was handed in, 0. It comes from `raw`, the score of the attempt that `counted` for
    this `reason`, by losing the share `penalty` for being `late`, and then by the `adjustments`, in
    order. `begun` counts the days or hours that cost, `cut` says that it came after the cutoff.
    `due` is the due time, moved if `extended`. `notes` are sentences about what else mattered.
    """

    state: State
    counted: AttemptScore | None
    reason: str
    raw: float | None
    due: AwareDatetime | None
    extended: bool
    late: timedelta
    begun: int
    penalty: float
    cut: bool
    adjustments: tuple[AppliedChange, ...]
    points: float
    score: float | None
    notes: tuple[str, ...]
