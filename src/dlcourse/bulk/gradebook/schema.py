"""The tables of a gradebook, version 1.

Rows are added, never changed or deleted, and the database itself refuses to: each table carries a
trigger that stops both. The one exception are a student's name, email and section, which follow
the roster. So what a result becomes is told by `decision` rows (accepted, proposed, rejected), and
the newest one of a result holds: an update would forget who decided what, and a crash between two
updates could leave two results that count, or none.

What makes an attempt the same as another: the student, the exercise, the content, and the moment it
was handed in, or, where no time is known, the place it lay in. So reading a class again adds
nothing. The same sources handed in again later are an attempt of their own, since policies ask when
work came, but not a new grading: the cache key of a result does not contain the moment. Origins
alone would not do, since whoever downloads a class twice may name the folders anew; moments alone
would not, since most layouts tell none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from dlcourse.bulk.gradebook.columns import AnyText, Moment

if TYPE_CHECKING:
    from datetime import datetime

VERSION: Final = 1
TABLES: Final = MetaData()


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _of(table: str) -> Column[int]:
    return Column(f"{table}_id", ForeignKey(f"{table}.id"), nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, AnyText, nullable=False)


def _moment(name: str) -> Column[datetime]:
    return Column(name, Moment, nullable=False)


gradebook = Table(
    "gradebook",
    TABLES,
    Column("version", Integer, primary_key=True, autoincrement=False),
    _text("made_by"),
    _moment("made_at"),
)

student = Table(
    "student",
    TABLES,
    _id(),
    Column("key", AnyText, nullable=False, unique=True),
    Column("name", AnyText),
    Column("email", AnyText),
    Column("section", AnyText),
)

attempt = Table(
    "attempt",
    TABLES,
    _id(),
    _of("student"),
    _text("day"),
    _text("exercise"),
    _text("content"),
    Column("submitted_at", Moment),
    _text("origin"),
    _text("moment"),  # `at TIME`, else `in ORIGIN`: NULL would equal nothing in a unique key
    _moment("seen_at"),
    UniqueConstraint("student_id", "exercise", "content", "moment"),
)

result = Table(
    "result",
    TABLES,
    _id(),
    _of("attempt"),
    _text("key"),
    Column("points", Float, nullable=False),
    Column("earned", Float, nullable=False),
    Column("collapsed", Boolean, nullable=False),
    Column("submission", Text),
    _text("suite"),
    _text("solution"),
    _text("dlcourse"),
    _text("python"),
    _text("torch"),
    _text("platform"),
    _text("device"),
    Column("seed", BigInteger, nullable=False),
    _text("tier"),
    _moment("graded_at"),
    Column("report", LargeBinary, nullable=False),
    Column("confinement", LargeBinary, nullable=False),
    Index("result_by_attempt", "attempt_id"),
    Index("result_by_key", "key"),
)

decision = Table(
    "decision",
    TABLES,
    _id(),
    _of("result"),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('accepted', 'proposed', 'rejected')"),
        nullable=False,
    ),
    _text("author"),
    _text("reason"),
    _moment("at"),
    Index("decision_by_result", "result_id"),
)

adjustment = Table(
    "adjustment",
    TABLES,
    _id(),
    _of("student"),
    Column("exercise", AnyText),
    Column("day", AnyText),
    Column("points", Float),
    Column("score", Float),
    _text("author"),
    _text("reason"),
    _moment("at"),
    CheckConstraint("(exercise IS NULL) <> (day IS NULL)"),
    CheckConstraint("(points IS NULL) <> (score IS NULL)"),
    Index("adjustment_by_student", "student_id"),
)

withdrawal = Table(
    "withdrawal",
    TABLES,
    Column("adjustment_id", ForeignKey("adjustment.id"), primary_key=True),
    _text("author"),
    _text("reason"),
    _moment("at"),
)

extension = Table(
    "extension",
    TABLES,
    _id(),
    _of("student"),
    _text("day"),
    _moment("until"),
    _text("author"),
    _text("reason"),
    _moment("at"),
    Index("extension_by_student", "student_id"),
)

run = Table(
    "run",
    TABLES,
    _id(),
    Column("number", BigInteger, nullable=False),
    _text("arguments"),  # JSON
    _moment("started_at"),
)

run_end = Table(
    "run_end",
    TABLES,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    _moment("finished_at"),
)
