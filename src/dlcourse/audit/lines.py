"""On which line of its file a thing is written."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.course import Exercise

_QUOTED: Final = re.compile(r"['\"`]([^'\"`]+)['\"`]")
_ID: Final = re.compile(r"""^\s*id\s*=\s*["']([^"']+)["']""")


def lines_of_tests(suite: Path) -> dict[str, int]:
    """Return the line of each function of a suite; nothing where the file is no Python."""
    try:
        tree = ast.parse(suite.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return {}
    return {node.name: node.lineno for node in tree.body if isinstance(node, ast.FunctionDef)}


def line_of_error(file: Path, message: str) -> int:
    """Return the line of a Python file that an error of its import speaks of, or the first."""
    text = file.read_text(encoding="utf-8")
    try:
        ast.parse(text)
    except SyntaxError as error:
        return error.lineno or 1
    for name in _QUOTED.findall(message):
        for number, line in enumerate(text.splitlines(), 1):
            if name in line:
                return number
    return 1


def lines_of_mistakes(exercise: Exercise) -> dict[str, int]:
    """Return the line on which each planted mistake is named."""
    lines = exercise.mistakes_file.read_text(encoding="utf-8").splitlines()
    found = ((match, number) for number, line in enumerate(lines, 1) if (match := _ID.match(line)))
    return {match[1]: number for match, number in found}
