"""The static pass: forbidden names in a submission's source text, read by the grader itself.

Names are followed through imports, plain assignments, `getattr` with a constant and `__dict__`.
Strings, comments, annotations and the block under `if __name__ == "__main__":`, which a worker
never runs, hold no call. What could hide a call from the modes or from this pass is found too.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Final

from dlcourse.sandbox.faults import Place
from dlcourse.sandbox.naming import public_name, resolve
from dlcourse.testing.findings import Finding
from dlcourse.testing.hiding import hides
from dlcourse.testing.operators import ATEN
from dlcourse.testing.spelling import Names, step, taken_by_computed_name, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dlcourse.testing.rules import Rule

_MOST: Final = 64  # findings in one file, of which a learner reads the first few
_DEPTH: Final = "deep nesting"
_BRACES: Final = "thousands of braces"
_MOST_BRACES: Final = 4096  # Python's parser takes seconds for as many fields of one f-string
_ATEN_NAMES: Final = "torch.ops.aten."


def read_sources(sources: Mapping[str, str], rules: tuple[Rule, ...]) -> tuple[Finding, ...]:
    """Return what is forbidden, or could hide a forbidden call, in source texts by file name."""
    if not rules:
        return ()
    return _read(tuple(sorted(sources.items())), rules)


@lru_cache(maxsize=32)
def _read(sources: tuple[tuple[str, str], ...], rules: tuple[Rule, ...]) -> tuple[Finding, ...]:
    return tuple(finding for file, text in sources for finding in _read_file(file, text, rules))


def _read_file(file: str, text: str, rules: tuple[Rule, ...]) -> list[Finding]:
    if text.count("{") > _MOST_BRACES:
        return [_unread(file, _BRACES)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an odd escape in a string, say
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []  # it cannot be loaded either, and the learner is told so
    except (RecursionError, MemoryError):
        return [_unread(file, _DEPTH)]
    names = Names.of(tree)
    reader = _Reader(file, rules, names, _starred(names.stars))
    found = dict.fromkeys(reader.findings(tree))
    return list(found)[:_MOST]


def _unread(file: str, reason: str) -> Finding:
    """What is found in a file that would take too long to read."""
    remedy = "write it with less"
    return Finding(reason, "source", reason, Place(file, 1), instead=remedy, hides=True)


def _starred(modules: Sequence[str]) -> dict[str, str]:
    """The paths of the names in modules that are imported as a whole; the first one counts."""
    paths: dict[str, str] = {}
    for module in dict.fromkeys(modules):
        found = resolve(module)
        if isinstance(found, ModuleType):
            for name in vars(found):
                paths.setdefault(name, f"{module}.{name}")
    return paths


@dataclass(frozen=True)
class _Reader:
    """Goes through one file; `names` are what its imports and assignments mean.

    `starred` are the paths of names from modules that were imported as a whole.
    """

    file: str
    rules: tuple[Rule, ...]
    names: Names
    starred: Mapping[str, str]

    def findings(self, tree: ast.AST) -> Iterator[Finding]:
        """Yield what is found, in the order of the text."""
        for node in walk(tree):
            match node:
                case ast.Import():
                    for alias in node.names:
                        yield from self._hiding(node, alias.name)
                case ast.ImportFrom():
                    for alias in node.names:
                        yield from self._hiding(node, f"{node.module or ''}.{alias.name}")
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    yield from self._hiding(node, node.name)
                case ast.Name(id="__name__", ctx=ast.Store()):
                    yield self._hidden(node, node.id)  # it would run the main block
                case ast.Name(ctx=ast.Load()):
                    yield from self._name(node)
                case ast.Attribute() | ast.Call() | ast.Subscript():
                    yield from self._expression(node)

    def _name(self, node: ast.Name) -> Iterator[Finding]:
        path = self.names.paths.get(node.id) or self._from_star(node.id)
        if path is not None:
            yield from self._path(node, path)
        elif node.id not in self.names.bound:
            yield from self._hiding(node, node.id)  # a builtin

    def _from_star(self, name: str) -> str | None:
        """The path of a name from a module that was imported as a whole."""
        if name in self.names.bound or name in self.names.stored:
            return None
        return self.starred.get(name)

    def _expression(self, node: ast.Attribute | ast.Call | ast.Subscript) -> Iterator[Finding]:
        path = self.names.path(node)
        if path is not None:
            yield from self._path(node, path)
            return
        taken = step(node)
        if taken is not None:
            yield from self._method(node, taken[1])
        source = taken_by_computed_name(node)
        if source is not None and (self.names.path(source) or "").startswith("torch"):
            yield self._hidden(node, "getattr")

    def _path(self, node: ast.expr, path: str) -> Iterator[Finding]:
        """What a dotted path means."""
        names = {path, *_public(path)}
        for rule in self.rules:
            if any(rule.covers(name) for name in names) or _covers_operator(rule, path):
                yield self._found(node, rule, path)
                return
        yield from self._hiding(node, path)

    def _method(self, node: ast.expr, name: str) -> Iterator[Finding]:
        """A method of what may be a tensor, unless the file itself defines one of that name."""
        if name in self.names.own:
            return
        for rule in self.rules:
            if name in rule.methods:
                yield self._found(node, rule, f"torch.Tensor.{name}")
                return
        if name.startswith("__"):
            yield from self._hiding(node, name)

    def _hiding(self, node: ast.stmt | ast.expr, path: str) -> Iterator[Finding]:
        if hides(path):
            yield self._hidden(node, path)

    def _found(self, node: ast.expr, rule: Rule, seen: str) -> Finding:
        return Finding(rule.name, "source", seen, Place(self.file, node.lineno), rule.instead)

    def _hidden(self, node: ast.stmt | ast.expr, name: str) -> Finding:
        return Finding(name, "source", name, Place(self.file, node.lineno), hides=True)


@lru_cache(maxsize=4096)
def _public(path: str) -> tuple[str, ...]:
    """The public name of what a path means in this process's torch, if it means anything."""
    if not path.startswith("torch."):
        return ()
    thing = resolve(path.replace("torch._VF.", "torch."))
    return () if thing is None else (public_name(thing),)


def _covers_operator(rule: Rule, path: str) -> bool:
    if not path.startswith(_ATEN_NAMES):
        return False
    operator = path.removeprefix(_ATEN_NAMES).partition(".")[0]
    return rule.covers_operator(f"{ATEN}{operator}")
