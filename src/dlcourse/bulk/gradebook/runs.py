"""Invocations of grading: when, with which number and arguments."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from dlcourse.bulk.gradebook import schema, students
from dlcourse.bulk.gradebook.records import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row, Select

_RUN = schema.run
_END = schema.run_end


def begin(connection: Connection, number: int, arguments: Mapping[str, Any]) -> Run:
    """Add a run that begins now."""
    values = {
        "number": number,
        "arguments": json.dumps(dict(arguments), default=str),
        "started_at": datetime.now(UTC),
    }
    row = connection.execute(insert(_RUN).values(values).returning(_RUN.c.id)).scalar_one()
    return _one(connection, row)


def finish(connection: Connection, row: int) -> Run:
    """Note that a run came to its end; the first note stays."""
    values = {"run_id": row, "finished_at": datetime.now(UTC)}
    insertion = students.insert_for(connection, _END).values(values)
    connection.execute(insertion.on_conflict_do_nothing(index_elements=["run_id"]))
    return _one(connection, row)


def every(connection: Connection) -> tuple[Run, ...]:
    """Return all runs, the oldest first."""
    return tuple(map(_run, connection.execute(_query().order_by(_RUN.c.id))))


def _one(connection: Connection, row: int) -> Run:
    return _run(connection.execute(_query().where(_RUN.c.id == row)).one())


def _query() -> Select[Any]:
    return select(_RUN, _END.c.finished_at).outerjoin_from(_RUN, _END)


def _run(row: Row[Any]) -> Run:
    arguments = json.loads(row.arguments)
    return Run(row.id, row.number, arguments, row.started_at, row.finished_at)
