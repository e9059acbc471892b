"""Gradings of attempts, and what was decided about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, insert, select

from dlcourse.bulk.gradebook import schema
from dlcourse.bulk.gradebook.packing import pack
from dlcourse.bulk.gradebook.records import Decision, GradedUnder, Result, State
from dlcourse.errors import UsageError
from dlcourse.grading.score import COLLAPSED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection, Row, Select

    from dlcourse.grading.report import Confinement, Environment, ExerciseReport

_TABLE = schema.result
_DECISION = schema.decision
_UNDER = (
    *("submission", "suite", "solution", "dlcourse", "python", "torch"),
    *("platform", "device", "seed", "tier"),
)


def add(
    connection: Connection,
    attempt: int,
    report: ExerciseReport,
    *,
    key: str,
    environment: Environment,
    confinement: Confinement,
    seed: int,
    state: State,
) -> Result:
    """Add one grading of an attempt and the grader's own decision about it."""
    values = {
        "attempt_id": attempt,
        "key": key,
        "points": report.points,
        "earned": report.earned,
        "collapsed": any(test.name == COLLAPSED for test in report.tests),
        **report.versions.model_dump(),
        **environment.model_dump(),
        "device": report.device,
        "seed": seed,
        "tier": confinement.tier,
        "graded_at": datetime.now(UTC),
        "report": pack(report),
        "confinement": pack(confinement),
    }
    row = connection.execute(insert(_TABLE).values(values).returning(_TABLE.c.id)).scalar_one()
    decide(connection, [row], state, author="", reason="")
    return one(connection, row)


def one(connection: Connection, row: int) -> Result:
    """Return a result by its row."""
    return _result(connection.execute(_decided().where(_TABLE.c.id == row)).one())


def accepted(connection: Connection, key: str) -> Result | None:
    """Return the newest accepted result with this cache key, of whatever attempt."""
    query = _accepted().where(_TABLE.c.key == key).order_by(_DECISION.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return _result(row) if row else None


def counting(connection: Connection, attempts: Collection[int]) -> dict[int, Result]:
    """Return the result that counts for each of these attempts, by attempt.

    It is the one that was accepted last: who accepts an older proposal means that one.
    """
    newest = (
        _accepted()
        .where(_TABLE.c.attempt_id.in_(attempts))
        .with_only_columns(func.max(_DECISION.c.id))
        .group_by(_TABLE.c.attempt_id)
    )
    rows = connection.execute(_decided().where(_DECISION.c.id.in_(newest)))
    return {row.attempt_id: _result(row) for row in rows}


def of_attempt(connection: Connection, attempt: int) -> tuple[Result, ...]:
    """Return all results of an attempt, the oldest first."""
    query = _decided().where(_TABLE.c.attempt_id == attempt).order_by(_TABLE.c.id)
    return tuple(map(_result, connection.execute(query)))


def proposed(connection: Connection) -> tuple[int, ...]:
    """Return the rows of the results that wait for a decision, the oldest first."""
    query = _decided().where(_DECISION.c.state == State.PROPOSED).order_by(_TABLE.c.id)
    return tuple(connection.execute(query.with_only_columns(_TABLE.c.id)).scalars())


def some(connection: Connection, rows: Collection[int]) -> tuple[Result, ...]:
    """Return the results of these rows, the oldest first."""
    query = _decided().where(_TABLE.c.id.in_(rows)).order_by(_TABLE.c.id)
    return tuple(map(_result, connection.execute(query)))


def change(
    connection: Connection, rows: Sequence[int], state: State, *, author: str, reason: str
) -> None:
    """Decide about results that are there; those already in this state are left alone.

    Raises:
        UsageError: one of them is not there; then nothing is decided.
    """
    query = select(_TABLE.c.id, _DECISION.c.state).join_from(_TABLE, _DECISION)
    states = {
        row.id: row.state
        for row in connection.execute(query.where(_newest(), _TABLE.c.id.in_(rows)))
    }
    unknown = next((row for row in rows if row not in states), None)
    if unknown is not None:
        raise UsageError(f"`{unknown}` is no result of this gradebook: name one that is proposed.")
    changed = [row for row in dict.fromkeys(rows) if states[row] != state]
    decide(connection, changed, state, author=author, reason=reason)


def decide(
    connection: Connection, rows: Iterable[int], state: State, *, author: str, reason: str
) -> None:
    """Add a decision about each of these results."""
    said = {"state": state.value, "author": author, "reason": reason, "at": datetime.now(UTC)}
    for row in rows:
        connection.execute(insert(_DECISION).values(result_id=row, **said))


def decisions(connection: Connection, row: int) -> tuple[Decision, ...]:
    """Return what was decided about a result, the oldest first."""
    query = select(_DECISION).where(_DECISION.c.result_id == row).order_by(_DECISION.c.id)
    return tuple(
        Decision(said.result_id, State(said.state), said.author, said.reason, said.at)
        for said in connection.execute(query)
    )


def _newest() -> Any:
    later = _DECISION.alias("later")
    same = later.c.result_id == _DECISION.c.result_id
    return ~exists().where(same, later.c.id > _DECISION.c.id)


def _decided() -> Select[Any]:
    """Results with their newest decision."""
    query = select(_TABLE, _DECISION.c.state).join_from(_TABLE, _DECISION)
    return query.where(_newest())


def _accepted() -> Select[Any]:
    return _decided().where(_DECISION.c.state == State.ACCEPTED)


def _result(row: Row[Any]) -> Result:
    return Result(
        id=row.id,
        attempt=row.attempt_id,
        key=row.key,
        points=row.points,
        earned=row.earned,
        collapsed=row.collapsed,
        under=GradedUnder(**{name: getattr(row, name) for name in _UNDER}),
        graded_at=row.graded_at,
        state=State(row.state),
        packed_report=row.report,
        packed_confinement=row.confinement,
    )
