"""On which line of its file a thing is written."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.course import Exercise

_ID: Final = re.compile(r"""^\s*id\s*=\s*["']([^"']+)["']""")


def lines_of_tests(suite: Path) -> dict[str, int]:
    """Return the line of each function of a suite; nothing where the file is no Python."""
    try:
        tree = ast.parse(suite.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return {}
    return {node.name: node.lineno for node in tree.body if isinstance(node, ast.FunctionDef)}


def lines_of_mistakes(exercise: Exercise) -> dict[str, int]:
    """Return the line on which each planted mistake is named."""
    lines = exercise.mistakes_file.read_text(encoding="utf-8").splitlines()
    found = ((match, number) for number, line in enumerate(lines, 1) if (match := _ID.match(line)))
    return {match[1]: number for match, number in found}
