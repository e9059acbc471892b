"""The students of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from dlcourse.bulk.gradebook import schema
from dlcourse.bulk.gradebook.records import Student
from dlcourse.course.suggestion import nearest
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Table

_TABLE = schema.student
_DETAILS = ("name", "email", "section")


def insert_for(connection: Connection, table: Table) -> Any:
    """Return an insertion that may say what to do about a row that is there already."""
    kinds = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return kinds[connection.dialect.name](table)


def add(connection: Connection, students: Iterable[Student]) -> None:
    """Add students, or correct what is known of them; what a roster does not say is kept."""
    insertion = insert_for(connection, _TABLE)
    corrected = {name: func.coalesce(insertion.excluded[name], _TABLE.c[name]) for name in _DETAILS}
    upsert = insertion.on_conflict_do_update(index_elements=["key"], set_=corrected)
    rows = [_row(student) for student in students]
    if rows:
        connection.execute(upsert, rows)


def every(connection: Connection) -> tuple[Student, ...]:
    """Return all students, sorted by key."""
    rows = connection.execute(select(_TABLE.c.key, *(_TABLE.c[name] for name in _DETAILS)))
    return tuple(sorted((Student(*row) for row in rows), key=lambda student: student.key))


def id_of(connection: Connection, key: str) -> int:
    """Return a student's row, made if there is none: a submission alone makes a student."""
    if _id(connection, key) is None:
        insertion = insert_for(connection, _TABLE).values(key=key)
        connection.execute(insertion.on_conflict_do_nothing(index_elements=["key"]))
    found = _id(connection, key)
    assert found is not None, "a student who was just added is there"
    return found


def known_id(connection: Connection, key: str, shown: str) -> int:
    """Return the row of a student whom a person named.

    Raises:
        UsageError: the gradebook `shown` knows no such student.
    """
    found = _id(connection, key)
    if found is None:
        keys = connection.execute(select(_TABLE.c.key)).scalars()
        near = nearest(key, list(keys))
        remedy = f"did you mean `{near}`?" if near else "grade that student first."
        raise UsageError(f"`{key}` is no student in `{shown}`: {remedy}")
    return found


def _id(connection: Connection, key: str) -> int | None:
    return connection.execute(select(_TABLE.c.id).where(_TABLE.c.key == key)).scalar()


def _row(student: Student) -> dict[str, str | None]:
    return {"key": student.key, **{name: getattr(student, name) for name in _DETAILS}}
