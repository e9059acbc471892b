"""Where in a TOML file a key stands, so that whoever mends it need not search."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dlcourse.course.defects import Defect

_ENTRY = re.compile(r"(exercise|mistake)(?:\.([\w-]+)|#([0-9]+))(?:\.(\w+))?")


def located(root: Path, defect: Defect) -> Defect:
    """Return a defect with the line of its key in a TOML file, if one can be found."""
    if defect.line or not defect.key or not defect.file.endswith(".toml"):
        return defect
    try:
        text = (root / defect.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return defect
    return replace(defect, line=line_of(text, defect.key))


def line_of(text: str, key: str) -> int:
    """Return the line of a defect's key: `title`, `exercise.NAME.hints`, `exercise#2.minutes`.

    Where the key itself is not there, it is the line of the table's name; 0 if nothing is found.
    """
    lines = text.splitlines()
    entry = _ENTRY.match(key)
    if entry is None:
        # A key without a dot stands above all tables.
        above = (place for place, line in enumerate(lines) if line.startswith("["))
        end = len(lines) if "." in key else next(above, len(lines))
        return next(_assignments(lines, 0, end, re.escape(key.rpartition(".")[2])), -1) + 1
    kind, name, number, inner = entry.groups()
    heads = [place for place, line in enumerate(lines) if line.strip() == f"[[{kind}]]"]
    tables = list(pairwise([*heads, len(lines)]))
    if number:
        chosen = tables[int(number) - 1 : int(number)]
    else:
        chosen = [table for table in tables if _is_called(lines[slice(*table)], name)]
    for start, end in chosen:
        own = next(_assignments(lines, start, end, "name|id"), start)
        wanted = re.escape(inner) if inner else "name|id"
        return next(_assignments(lines, start, end, wanted), own) + 1
    return 0


def _assignments(lines: list[str], start: int, end: int, key: str) -> Iterator[int]:
    wanted = re.compile(rf"""\s*["']?(?:{key})["']?\s*=""")
    return (place for place in range(start, end) if wanted.match(lines[place]))


def _is_called(lines: list[str], name: str) -> bool:
    named = re.compile(rf"""\s*(?:name|id)\s*=\s*["']{re.escape(name)}["']""")
    return any(map(named.match, lines))
