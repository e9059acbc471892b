"""The Python files of an exercise, parsed and never run."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlcourse.course import Defect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
Node = Function | ast.ClassDef


@dataclass(frozen=True)
class Source:
    """One file: its path relative to the course, its text and its tree."""

    file: str
    text: str
    tree: ast.Module

    def defect(self, node: ast.AST | None, key: str, problem: str, remedy: str) -> Defect:
        """Return what is wrong at `node`, or with the file as a whole."""
        line = 1 if node is None else int(getattr(node, "lineno", 1))
        return Defect(self.file, key, problem, remedy, line)

    def definitions(self) -> dict[str, Node]:
        """Return functions, classes and methods by their dotted names, in order."""
        return dict(_definitions(self.tree.body, ""))


def read_source(root: Path, path: Path, found: list[Defect]) -> Source | None:
    """Return the file at `path`; None where it is no Python, which is then added to `found`."""
    file = path.relative_to(root).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
        return Source(file, text, ast.parse(text))
    except OSError as error:
        found.append(Defect(file, "", f"cannot be read: {error.strerror}", "restore it"))
    except UnicodeDecodeError:
        found.append(Defect(file, "", "is not UTF-8 text", "save it as UTF-8"))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        problem = f"is no Python: {getattr(error, 'msg', error)}"
        found.append(Defect(file, "", problem, "correct the syntax there", line))
    return None


def is_public(name: str) -> bool:
    """Whether each part of a dotted name is public; `__call__` and its like are."""
    return not any(
        part.startswith("_") and not (part.startswith("__") and part.endswith("__"))
        for part in name.split(".")
    )


def public(names: Iterable[str]) -> list[str]:
    """Return the public ones of several dotted names, in order."""
    return [name for name in names if is_public(name)]


def _definitions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Node]]:
    seen: set[str] = set()
    for node in body:
        # A property's setter has the name of its getter, which speaks for both.
        if isinstance(node, Node) and node.name not in seen:
            seen.add(node.name)
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, f"{prefix}{node.name}.")
