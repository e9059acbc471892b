"""Connections to the two kinds of database, set so that what is committed stays."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, create_engine, event, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

import dlcourse
from dlcourse.bulk.gradebook import guards, schema
from dlcourse.bulk.gradebook.faults import unreachable
from dlcourse.errors import CourseError, UnavailableError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from dlcourse.bulk.gradebook.address import Address

BEGIN: Final = "begin"  # the execution option that names the statement a transaction begins with
_SCHEMA: Final = "dlcourse"  # PostgreSQL's: so the tables of other programs are not in the way
_APPLICATION: Final = 0x646C6762  # `dlgb`, in the header of an SQLite file
_LOCK: Final = _APPLICATION  # PostgreSQL's, for two programs that make the same gradebook at once


def connect(address: Address, *, create: bool, patience: float) -> Connection:
    """Return a connection to the gradebook at `address`, made there if it is not and may be.

    `patience` is in seconds: how long to wait while another process writes.

    Raises:
        UsageError: nothing, or something else, stands there.
        CourseError: a newer program made it.
        UnavailableError: no server answers, or psycopg is not installed.
    """
    if address.path is not None:
        _require_file(address.path, address.shown, create=create)
        engine = _sqlite_engine(address.path, patience)
    else:
        engine = _postgresql_engine(address, patience)
    connection = _connected(engine, address.shown)
    try:
        _require_gradebook(connection, address.shown, create=create)
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(engine: Engine, shown: str) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise
        raise unreachable(error, shown) from None


def _require_file(path: Path, shown: str, *, create: bool) -> None:
    if path.is_dir():
        raise UsageError(f"`{shown}` is a folder: name a file in it, as `{path / 'gradebook.db'}`.")
    if path.exists() and not path.is_file():
        raise UsageError(f"`{shown}` is no plain file: name another one.")
    if not path.exists() and not create:
        raise UsageError(f"`{shown}` does not exist: grade a class first, or correct the name.")
    if not path.parent.is_dir():
        raise UsageError(
            f"`{shown}` has no folder to stand in: type `mkdir -p {path.parent}`, or correct it."
        )


def _sqlite_engine(path: Path, patience: float) -> Engine:
    def opened() -> sqlite3.Connection:
        # SQLite gives names such as `:memory:` a meaning; none begins with a slash.
        connection = sqlite3.connect(path.absolute(), timeout=patience, isolation_level=None)
        try:
            _set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))

    return engine


def _set_up(connection: sqlite3.Connection) -> None:
    # Another program's file is left as it is: it gets no journal of ours.
    own = connection.execute("PRAGMA application_id").fetchone() == (_APPLICATION,)
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    if own or empty:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _postgresql_engine(address: Address, patience: float) -> Engine:
    try:
        import psycopg  # noqa: F401, PLC0415 - only who names a server needs it
    except ModuleNotFoundError:
        raise UnavailableError(
            f"`{address.shown}` needs psycopg, which is not installed: type"
            " `pip install 'dlcourse[postgres]'`."
        ) from None
    assert address.url is not None
    engine = create_engine(address.url, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.execute(f"SET search_path TO {_SCHEMA}")
        connection.execute(f"SET lock_timeout TO {round(patience * 1000)}")
        # A server may be told to answer before it has written: not for a gradebook.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()

    return engine


def _require_gradebook(connection: Connection, shown: str, *, create: bool) -> None:
    with connection.begin():
        tables = _tables(connection)
    if not tables and create:
        _create(connection)
    elif not tables:
        raise UsageError(f"`{shown}` holds no gradebook yet: grade a class first.")
    elif schema.gradebook.name not in tables:
        raise UsageError(
            f"`{shown}` belongs to another program: name another place, and the gradebook is made"
            " there."
        )
    _require_version(connection, shown)


def _tables(connection: Connection) -> set[str]:
    where = _SCHEMA if connection.dialect.name == "postgresql" else None
    return set(inspect(connection).get_table_names(schema=where))


def _create(connection: Connection) -> None:
    """Make all tables in one transaction, unless another process just did."""
    connection.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            if not _has_schema(connection):
                connection.execute(text(f"CREATE SCHEMA {_SCHEMA}"))
        if not _tables(connection):
            _make_tables(connection)


def _has_schema(connection: Connection) -> bool:
    return _SCHEMA in inspect(connection).get_schema_names()


def _make_tables(connection: Connection) -> None:
    schema.TABLES.create_all(connection, checkfirst=False)
    for statement in guards.statements(connection.dialect.name):
        connection.execute(text(statement))
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA application_id = {_APPLICATION}"))
    made = {
        "version": schema.VERSION,
        "made_by": f"dlcourse {dlcourse.__version__}",
        "made_at": datetime.now(UTC),
    }
    connection.execute(insert(schema.gradebook).values(made))


def _require_version(connection: Connection, shown: str) -> None:
    newest = select(schema.gradebook).order_by(schema.gradebook.c.version.desc()).limit(1)
    with connection.begin():
        made = connection.execute(newest).one()
    if made.version > schema.VERSION:
        raise CourseError(
            f"`{shown}` was made by `{made.made_by}` in version {made.version} of the gradebook,"
            f" but this program reads version {schema.VERSION}: type"
            " `pip install --upgrade dlcourse`."
        )
