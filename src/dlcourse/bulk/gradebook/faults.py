"""What databases complain about, as sentences for the person who grades.

A message of a driver may hold what is confidential (a statement with its values), so none is passed
on but the server's own first line about a connection that it refused.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, OperationalError

from dlcourse.errors import CourseError, DlcourseError, UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAFE: Final = "the last committed result is safe: start again"
_LONGEST: Final = 200

# By the beginning of SQLite's name for the error.
_SQLITE: Final[tuple[tuple[str, type[DlcourseError], str], ...]] = (
    (
        "SQLITE_BUSY",
        UnavailableError,
        "another process is writing to `{shown}`: wait until it has ended, and start again.",
    ),
    (
        "SQLITE_FULL",
        CourseError,
        f"the disk that holds `{{shown}}` is full; {_SAFE} once there is room.",
    ),
    (
        "SQLITE_IOERR",
        CourseError,
        (
            f"the disk that holds `{{shown}}` does not take or give what it should ({{said}});"
            f" {_SAFE} once there is room and the disk is well."
        ),
    ),
    (
        "SQLITE_NOTADB",
        UsageError,
        "`{shown}` is no database: name another file, and the gradebook is made there.",
    ),
    (
        "SQLITE_CORRUPT",
        CourseError,
        (
            "`{shown}` is damaged: keep a copy, and put back its last good one, or save what can be"
            " read with `sqlite3 FILE .recover`."
        ),
    ),
    (
        "SQLITE_READONLY",
        UsageError,
        "`{shown}` cannot be written: make the file and its folder writable, or name another one.",
    ),
    (
        "SQLITE_CANTOPEN",
        UsageError,
        (
            "`{shown}` cannot be opened: make the file and its folder readable and writable, or"
            " name another one."
        ),
    ),
)

# By SQLSTATE.
_POSTGRESQL: Final[dict[str, tuple[type[DlcourseError], str]]] = {
    "53100": (CourseError, f"the disk behind `{{shown}}` is full; {_SAFE} once there is room."),
    "55P03": (
        UnavailableError,
        "another process is writing to `{shown}`: wait until it has ended, and start again.",
    ),
    "42501": (
        UsageError,
        (
            "the user of `{shown}` may not use it as a gradebook: let its owner type"
            " `GRANT CREATE ON DATABASE … TO …`, or name another user."
        ),
    ),
    "25006": (
        UsageError,
        "`{shown}` takes no changes, as a server in standby does: name the server that does.",
    ),
}

# By what the server says when it lets nobody in; libpq hands no SQLSTATE on.
_REFUSED: Final = (
    (
        ("password authentication failed", "no password supplied"),
        (
            "the server of `{shown}` refuses the password: write it to `~/.pgpass` or set"
            " `PGPASSWORD`, and start again."
        ),
    ),
    (
        ("does not exist",),
        (
            "the server lets nobody into `{shown}` ({said}): make what is missing with `createdb`"
            " or `createuser`, or correct the name."
        ),
    ),
)


@contextmanager
def told(shown: str) -> Iterator[None]:
    """Raise what a database complains about as one of the program's own errors.

    Raises:
        UsageError: the file or database is not what was meant, or may not be used.
        CourseError: the disk is full or broken, or the database is damaged.
        UnavailableError: the server is not there, or another process keeps writing.
    """
    try:
        yield
    except DBAPIError as error:
        known = _known(error, shown)
        if known is None:
            raise
        raise known from None


def unreachable(error: DBAPIError, shown: str) -> DlcourseError:
    """Return what is said when no connection to a server came about."""
    said = _first_line(error)
    for words, sentence in _REFUSED:
        if any(word in said for word in words):
            return UsageError(sentence.format(shown=shown, said=said))
    return UnavailableError(
        f"no server answers for `{shown}` ({said}): start the server, or correct the address."
    )


def _known(error: DBAPIError, shown: str) -> DlcourseError | None:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite(error.orig, shown)
    state = getattr(error.orig, "sqlstate", None)
    # Without a state, the server itself said nothing: it could not be reached once more.
    if error.connection_invalidated or (isinstance(error, OperationalError) and state is None):
        return _lost(shown)
    kind, sentence = _POSTGRESQL.get(state or "", (None, ""))
    return kind(sentence.format(shown=shown)) if kind else None


def _lost(shown: str) -> UnavailableError:
    """Return what is said of a server that went away in the middle of the work."""
    return UnavailableError(
        f"the server of `{shown}` went away: start again when it is back; what was recorded is"
        " kept, and nothing is half-written."
    )


def _sqlite(error: sqlite3.Error, shown: str) -> DlcourseError | None:
    name = getattr(error, "sqlite_errorname", "")
    for beginning, kind, sentence in _SQLITE:
        if name.startswith(beginning):
            return kind(sentence.format(shown=shown, said=error))
    return None


def _first_line(error: DBAPIError) -> str:
    line = next(iter(str(error.orig).splitlines()), "").strip()
    plain = "".join(sign if sign.isprintable() else "?" for sign in line)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
