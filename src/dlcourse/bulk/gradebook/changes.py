"""What people change by hand: adjustments and extensions. They live apart from results."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from dlcourse.bulk.gradebook import schema, students
from dlcourse.bulk.gradebook.records import Adjustment, Extension, Withdrawal
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

_ADJUSTMENT = schema.adjustment
_WITHDRAWAL = schema.withdrawal
_EXTENSION = schema.extension
_SAID = ("author", "reason", "at")


def require_said(**said: str) -> None:
    """Require an author and a reason that say something.

    Raises:
        UsageError: one of them is blank.
    """
    for what, text in said.items():
        if not text.strip():
            raise UsageError(f"the {what} of a change is blank: say it, so that others can follow.")


def require_change(
    exercise: str | None, day: str | None, points: float | None, score: float | None
) -> None:
    """Require an adjustment that means one thing.

    Raises:
        UsageError: it names both or neither, or its number is none that a score can have.
    """
    if (exercise is None) == (day is None):
        raise UsageError("an adjustment names either an exercise or a day: name one of the two.")
    if (points is None) == (score is None):
        raise UsageError("an adjustment either adds points or sets a score: give one of the two.")
    if points is not None and not math.isfinite(points):
        raise UsageError(f"`{points}` are no points: give a number such as `2` or `-0.5`.")
    if score is not None and not (math.isfinite(score) and score >= 0):
        raise UsageError(f"`{score}` is no score: give a share such as `0.8`; 1 is everything.")


def require_moment(until: datetime) -> None:
    """Require a moment that is the same for everyone.

    Raises:
        UsageError: it has no time zone.
    """
    if until.utcoffset() is None:
        raise UsageError(
            f"`{until.isoformat()}` has no time zone: write it like `2026-11-30T23:59:00+01:00`."
        )


def add_adjustment(
    connection: Connection,
    student: int,
    *,
    exercise: str | None,
    day: str | None,
    points: float | None,
    score: float | None,
    author: str,
    reason: str,
) -> Adjustment:
    """Add an adjustment, and return it."""
    values = {
        "student_id": student,
        "exercise": exercise,
        "day": day,
        "points": points,
        "score": score,
        "author": author,
        "reason": reason,
        "at": datetime.now(UTC),
    }
    insertion = insert(_ADJUSTMENT).values(values).returning(_ADJUSTMENT.c.id)
    return _one(connection, connection.execute(insertion).scalar_one())


def withdraw(connection: Connection, adjustment: int, *, author: str, reason: str) -> Adjustment:
    """Take an adjustment back; one that is withdrawn stays as it is.

    Raises:
        UsageError: there is none of this number.
    """
    known = select(_ADJUSTMENT.c.id).where(_ADJUSTMENT.c.id == adjustment)
    if connection.execute(known).first() is None:
        raise UsageError(f"`{adjustment}` is no adjustment of this gradebook: name one that is.")
    said = {
        "adjustment_id": adjustment,
        "author": author,
        "reason": reason,
        "at": datetime.now(UTC),
    }
    insertion = students.insert_for(connection, _WITHDRAWAL).values(said)
    connection.execute(insertion.on_conflict_do_nothing(index_elements=["adjustment_id"]))
    return _one(connection, adjustment)


def adjustments(connection: Connection, student: str | None = None) -> tuple[Adjustment, ...]:
    """Return adjustments, withdrawn ones too, the oldest first."""
    query = _query().order_by(_ADJUSTMENT.c.id)
    if student is not None:
        query = query.where(schema.student.c.key == student)
    return tuple(map(_adjustment, connection.execute(query)))


def add_extension(
    connection: Connection, student: int, *, day: str, until: datetime, author: str, reason: str
) -> Extension:
    """Add an extension, and return it."""
    values = {
        "student_id": student,
        "day": day,
        "until": until,
        "author": author,
        "reason": reason,
        "at": datetime.now(UTC),
    }
    insertion = insert(_EXTENSION).values(values).returning(_EXTENSION.c.id)
    row = connection.execute(insertion).scalar_one()
    return _extension(connection.execute(_extended().where(_EXTENSION.c.id == row)).one())


def extensions(connection: Connection) -> dict[tuple[str, str], Extension]:
    """Return the newest extension for each student and day that has one."""
    rows = connection.execute(_extended().order_by(_EXTENSION.c.id))
    return {(row.key, row.day): _extension(row) for row in rows}


def _one(connection: Connection, row: int) -> Adjustment:
    return _adjustment(connection.execute(_query().where(_ADJUSTMENT.c.id == row)).one())


def _query() -> Select[Any]:
    withdrawn = [_WITHDRAWAL.c[name].label(f"withdrawn_{name}") for name in _SAID]
    return (
        select(_ADJUSTMENT, schema.student.c.key, *withdrawn)
        .join_from(_ADJUSTMENT, schema.student)
        .outerjoin(_WITHDRAWAL)
    )


def _adjustment(row: Row[Any]) -> Adjustment:
    taken = Withdrawal(row.withdrawn_author, row.withdrawn_reason, row.withdrawn_at)
    return Adjustment(
        id=row.id,
        student=row.key,
        exercise=row.exercise,
        day=row.day,
        points=row.points,
        score=row.score,
        author=row.author,
        reason=row.reason,
        at=row.at,
        withdrawn=taken if row.withdrawn_at else None,
    )


def _extended() -> Select[Any]:
    return select(_EXTENSION, schema.student.c.key).join_from(_EXTENSION, schema.student)


def _extension(row: Row[Any]) -> Extension:
    return Extension(
        id=row.id,
        student=row.key,
        day=row.day,
        until=row.until,
        author=row.author,
        reason=row.reason,
        at=row.at,
    )
