"""Where a gradebook stands: a file, or a database on a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from dlcourse.errors import UsageError

_EXAMPLES: Final = "`gradebook.db`, `sqlite:///gradebook.db` or `postgresql://USER@HOST/DATABASE`"
_POSTGRESQL: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_TOLD: Final = ("host", "port", "user", "dbname")  # of a URL's options; others may hold secrets


@dataclass(frozen=True)
class Address:
    """A file (`path`) or a database on a server (`url`); `shown` names it without its password."""

    shown: str
    path: Path | None = None
    url: URL | None = None


def address_of(place: str | Path) -> Address:
    """Return what a path or URL stands for.

    Raises:
        UsageError: it is no address, or one of a database of another kind.
    """
    scheme, found, rest = str(place).partition("://")
    if isinstance(place, Path) or not found:
        return _file(str(place))
    if scheme in _POSTGRESQL:
        return _server(scheme, str(place))
    if scheme != "sqlite":
        raise UsageError(f"`{scheme}://…` is no kind of gradebook: name {_EXAMPLES}.")
    # Three slashes and a relative path, or four and an absolute one.
    if not rest.startswith("/"):
        raise UsageError(f"`{place}` names no file: name {_EXAMPLES}.")
    return _file(rest[1:])


def _file(name: str) -> Address:
    if not name or "\0" in name:
        raise UsageError(f"a gradebook needs the name of a file: name {_EXAMPLES}.")
    return Address(name, path=Path(name))


def _server(scheme: str, text: str) -> Address:
    # What could not be read is not shown: a password stands somewhere in it.
    try:
        url = _hidden(make_url(text)).set(drivername="postgresql+psycopg")
        shown = _shown(url)
    except (ArgumentError, ValueError):
        raise UsageError(
            f"`{scheme}://…` is no address of a database: name one like"
            " `postgresql://USER@HOST/DATABASE`."
        ) from None
    return Address(shown, url=url)


def _hidden(url: URL) -> URL:
    # A password among a URL's options works as well, but SQLAlchemy would show it.
    password = url.query.get("password")
    if not isinstance(password, str):
        return url
    return url.set(password=password).difference_update_query(["password"])


def _shown(url: URL) -> str:
    told = {name: url.query[name] for name in _TOLD if name in url.query}
    plain = URL.create(
        "postgresql",
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query=told,
    )
    return plain.render_as_string(hide_password=True)
