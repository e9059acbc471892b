"""What was handed in, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from dlcourse.bulk.gradebook import schema, students
from dlcourse.bulk.gradebook.records import Attempt

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection, Row, Select

_TABLE = schema.attempt
_KEY = ("student_id", "exercise", "content", "moment")


def add(
    connection: Connection,
    *,
    student: str,
    day: str,
    exercise: str,
    content: str,
    submitted_at: datetime | None,
    origin: str,
) -> Attempt:
    """Add an attempt, or return the one that is the same (`schema` says what that means)."""
    values = {
        "student_id": students.id_of(connection, student),
        "day": day,
        "exercise": exercise,
        "content": content,
        "submitted_at": submitted_at,
        "origin": origin,
        "moment": _moment(submitted_at, origin),
        "seen_at": datetime.now(UTC),
    }
    same = _joined().where(*(_TABLE.c[name] == values[name] for name in _KEY))
    found = connection.execute(same).one_or_none()
    if found is None:
        insertion = students.insert_for(connection, _TABLE).values(values)
        connection.execute(insertion.on_conflict_do_nothing(index_elements=_KEY))
        found = connection.execute(same).one()
    return _attempt(found)


def find(
    connection: Connection,
    exercises: Collection[str] | None,
    keys: Collection[str] | None,
) -> tuple[Attempt, ...]:
    """Return attempts by student, exercise and time; without a time, in the order of arrival."""
    query = _joined()
    if exercises is not None:
        query = query.where(_TABLE.c.exercise.in_(exercises))
    if keys is not None:
        query = query.where(schema.student.c.key.in_(keys))
    return tuple(sorted(map(_attempt, connection.execute(query)), key=_place))


def _moment(submitted_at: datetime | None, origin: str) -> str:
    if submitted_at is None:
        return f"in {origin}"
    return f"at {submitted_at.astimezone(UTC).isoformat(timespec='microseconds')}"


def _joined() -> Select[Any]:
    columns = [_TABLE.c[name] for name in ("id", "day", "exercise", "content")]
    times = [_TABLE.c[name] for name in ("submitted_at", "origin", "seen_at")]
    return select(schema.student.c.key, *columns, *times).join_from(_TABLE, schema.student)


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        id=row.id,
        student=row.key,
        day=row.day,
        exercise=row.exercise,
        content=row.content,
        submitted_at=row.submitted_at,
        origin=row.origin,
        seen_at=row.seen_at,
    )


def _place(attempt: Attempt) -> tuple[str, str, str, datetime, int]:
    when = attempt.submitted_at or attempt.seen_at
    return attempt.student, attempt.day, attempt.exercise, when, attempt.id
