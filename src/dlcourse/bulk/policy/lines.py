"""Where in `class.toml` a key stands, whose tables lie in each other."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.course.defects import Defect

_HEAD: Final = re.compile(r"\s*\[([^\[\]]+)\]")
_ASSIGNMENT: Final = re.compile(r"""\s*([\w."'-]+)\s*=""")


def located(text: str, defect: Defect) -> Defect:
    """Return a defect with the line of its key, or of the innermost table around it."""
    wanted = defect.key.split(".")
    line, matched = 0, 0
    for number, parts in _places(text):
        if len(parts) > matched and parts == wanted[: len(parts)]:
            line, matched = number, len(parts)
    return replace(defect, line=line)


def _places(text: str) -> Iterator[tuple[int, list[str]]]:
    around: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if head := _HEAD.match(line):
            around = _parts(head[1])
            yield number, around
        elif assignment := _ASSIGNMENT.match(line):
            yield number, around + _parts(assignment[1])


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]
