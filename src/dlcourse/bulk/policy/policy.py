"""The policy of a class: which attempt counts, what lateness costs, what people change."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from dlcourse.bulk.policy.days import short_name
from dlcourse.bulk.policy.grade import AppliedChange, AttemptScore, ExerciseGrade, State
from dlcourse.bulk.policy.lateness import Lateness, lateness
from dlcourse.bulk.policy.tables import Counts, LateTable  # noqa: TC001 - pydantic reads them

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from dlcourse.bulk.policy.grade import Change, MoreTime

_DIGITS = 12


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rules(_Model):
    """The rules of one day; without `late`, late work counts in full."""

    counts: Counts = "best"
    late: LateTable | None = None


@dataclass(frozen=True)
class _Judged:
    """An attempt with what its lateness costs."""

    attempt: AttemptScore
    lateness: Lateness

    @property
    def score(self) -> float | None:
        """The score after the penalty."""
        raw = self.attempt.score
        return None if raw is None else round(raw * (1 - self.lateness.penalty), _DIGITS)

    @property
    def is_broken(self) -> bool:
        return self.attempt.state in {State.BROKEN, State.COLLAPSED}


class Policy(_Model):
    """The rules of a class: the usual ones, those of some days, and due times by day (`day24`)."""

    usual: Rules = Rules()
    days: dict[str, Rules] = {}
    due: dict[str, AwareDatetime] = {}

    def rules(self, day: str) -> Rules:
        """Return the rules of a day, given as `day24` or by its folder."""
        return self.days.get(short_name(day), self.usual)

    def due_time(self, day: str, extension: MoreTime | None = None) -> datetime | None:
        """Return when a day is due for a student; an extension never shortens the time."""
        due = self.due.get(short_name(day))
        if due is None or extension is None:
            return due
        return max(due, extension.until)

    def score(
        self,
        attempts: Iterable[AttemptScore],
        *,
        day: str,
        extension: MoreTime | None = None,
        adjustments: Iterable[Change] = (),
        points: float | None = None,
    ) -> ExerciseGrade:
        """Return the grade of one exercise from all attempts of a student.

        `adjustments` are those of this student and exercise, the oldest first. They apply after the
        penalty. `points` are what the exercise carries, where no attempt tells: points are added as
        shares of them.
        """
        rules = self.rules(day)
        due = self.due_time(day, extension)
        judged = [
            _Judged(attempt, lateness(rules.late, due, attempt.submitted_at))
            for attempt in _works(attempts)
        ]
        chosen, reason = _choice(rules.counts, judged)
        known = [it.attempt.points for it in judged if it.attempt.points]
        whole = (chosen and chosen.attempt.points) or points or next(iter(known), 0.0)
        start = chosen.score if chosen else 0.0
        applied = tuple(_applied(start, adjustments, whole))
        return ExerciseGrade(
            state=chosen.attempt.state if chosen else State.MISSING,
            counted=chosen.attempt if chosen else None,
            reason=reason,
            raw=chosen.attempt.score if chosen else None,
            due=due,
            extended=due != self.due_time(day),
            adjustments=applied,
            points=whole,
            score=_floored(applied[-1].after if applied else start),
            notes=tuple(_notes(judged, chosen, due, applied)),
            **vars(chosen.lateness if chosen else Lateness()),
        )


def _works(attempts: Iterable[AttemptScore]) -> list[AttemptScore]:
    """Return attempts by time; those of the same content in a row are one, at its first time."""
    ordered = sorted(attempts, key=lambda it: (it.submitted_at or it.seen_at, it.id))
    groups = [list(group) for _, group in groupby(ordered, lambda it: it.content or it.id)]
    return [_work(group) for group in groups]


def _work(group: Sequence[AttemptScore]) -> AttemptScore:
    # The newest real result of the same sources, else whatever the last attempt has.
    real = [it for it in group if it.state is State.GRADED]
    last = (real or group)[-1]
    first = group[0]
    said = {"id": first.id, "submitted_at": first.submitted_at, "seen_at": first.seen_at}
    return last.model_copy(update=said)


def _choice(counts: Counts, judged: Sequence[_Judged]) -> tuple[_Judged | None, str]:
    if not judged:
        return None, "nothing was handed in"
    if counts == "best":
        found = [it for it in judged if it.score is not None]
        others = [it for it in judged if not it.is_broken] or judged
        # Of equal ones, `max` takes the first: the earlier.
        chosen = max(found, key=lambda it: it.score or 0.0) if found else others[-1]
    else:
        found = [it for it in judged if not it.is_broken]
        chosen = (found or judged)[-1 if counts == "last" else 0]
    if len(judged) == 1:
        return chosen, "the only attempt"
    if not found:
        return chosen, f"none of {len(judged)} attempts has a score"
    return chosen, f"the {counts} of {len(judged)} attempts{_SAID[counts]}"


_SAID = {"best": ", penalties included", "last": "", "first": ""}


def _applied(
    score: float | None, changes: Iterable[Change], whole: float
) -> Iterable[AppliedChange]:
    for change in changes:
        if change.withdrawn is not None:
            continue
        before = score
        if change.score is not None:
            score = change.score
        elif change.points is not None and score is not None and whole:
            score = round(score + change.points / whole, _DIGITS)
        yield AppliedChange(
            author=change.author,
            reason=change.reason,
            points=change.points,
            score=change.score,
            before=before,
            after=score,
        )


def _floored(score: float | None) -> float | None:
    return None if score is None else max(score, 0.0)


def _notes(
    judged: Sequence[_Judged],
    chosen: _Judged | None,
    due: datetime | None,
    applied: Sequence[AppliedChange],
) -> Iterable[str]:
    if chosen and due is not None and chosen.attempt.submitted_at is None:
        yield "nothing tells when this was handed in, so it counts as in time"
    waiting = sum(not it.attempt.graded for it in judged)
    if waiting:
        yield f"attempts that are not graded yet: {waiting}"
    broken = sum(it.is_broken for it in judged)
    if broken:
        yield f"attempts whose grading is broken, which is nobody's fault here: {broken}"
    for change in applied:
        if change.points and change.before == change.after:
            yield f"{change.points:+g} points were not added: there is nothing to add them to yet"
