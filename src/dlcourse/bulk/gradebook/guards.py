"""Triggers that keep rows as they were written, whoever connects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dlcourse.bulk.gradebook.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

# A roster may correct these.
_MAY_CHANGE: Final = {"student": ("name", "email", "section")}

_POSTGRESQL_FUNCTION: Final = """
CREATE FUNCTION gradebook_keeps_rows() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a gradebook keeps its rows: add one instead'; END $$
"""


def statements(dialect: str) -> Iterator[str]:
    """Yield the statements that guard every table, in the words of this database."""
    if dialect == "postgresql":
        yield _POSTGRESQL_FUNCTION
    for table in TABLES.sorted_tables:
        names = [column.name for column in table.columns]
        kept = [name for name in names if name not in _MAY_CHANGE.get(table.name, ())]
        update = f"UPDATE OF {', '.join(kept)}" if table.name in _MAY_CHANGE else "UPDATE"
        for deed, event in (("update", update), ("delete", "DELETE")):
            make = _postgresql if dialect == "postgresql" else _sqlite
            yield make(table.name, deed, event)
        if dialect == "postgresql":
            yield _postgresql(table.name, "all", "TRUNCATE").replace("EACH ROW", "EACH STATEMENT")


def _sqlite(table: str, deed: str, event: str) -> str:
    return (
        f"CREATE TRIGGER {table}_keeps_{deed} BEFORE {event} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'a gradebook keeps its rows: add one instead'); END"
    )


def _postgresql(table: str, deed: str, event: str) -> str:
    return (
        f"CREATE TRIGGER {table}_keeps_{deed} BEFORE {event} ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION gradebook_keeps_rows()"
    )
