"""A day as far as it could be read, so that one defect does not hide or breed others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlcourse.course import layout
from dlcourse.course.defects import attempt
from dlcourse.course.reading import parse, read_toml
from dlcourse.course.tables import DayTable

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.course.defects import Defect


@dataclass(frozen=True)
class DayDraft:
    """A day's folder, the names of its exercises, and its table unless that has defects.

    `names` and `helpers` (files beside the stubs) are known even where other keys are wrong.
    """

    folder: str
    names: tuple[str, ...]
    helpers: frozenset[str] = frozenset()
    table: DayTable | None = None

    @property
    def file(self) -> str:
        """The day's file, relative to the course."""
        return layout.day_file(self.folder)


def read_day(root: Path, folder: str, found: list[Defect]) -> DayDraft:
    """Return the day in `folder`, and add what is wrong with its file to `found`."""
    file = layout.day_file(folder)
    said = attempt(found, read_toml, root, file)
    if said is None:
        return DayDraft(folder, _stems(root / layout.EXERCISES / folder))
    table = attempt(found, parse, DayTable, said, file)
    rows = _tables(said)
    names = tuple(row["name"] for row in rows if isinstance(row.get("name"), str))
    return DayDraft(folder, names, frozenset(_helpers(rows)), table)


def _stems(folder: Path) -> tuple[str, ...]:
    # An unreadable `day.toml` is taken to name what the folder holds.
    return tuple(sorted(file.stem for file in folder.glob("*.py")))


def _tables(said: dict[str, Any]) -> list[dict[str, Any]]:
    rows = said.get("exercise")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _helpers(rows: list[dict[str, Any]]) -> list[str]:
    lists = (row.get("files") for row in rows)
    files = [file for some in lists if isinstance(some, list) for file in some]
    return [file for file in files if isinstance(file, str)]
