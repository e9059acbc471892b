"""The static pass: forbidden names in a submission's source text, read by the grader itself.

Names are followed through imports, plain assignments, `getattr` with a constant and `__dict__`.
Strings, comments, annotations and the block under `if __name__ == "__main__":`, which a worker
never runs, hold no call. What could hide a call from the modes or from this pass is found too.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dlcourse.sandbox.faults import Place
from dlcourse.sandbox.naming import public_name, resolve
from dlcourse.testing.findings import Finding
from dlcourse.testing.hiding import hides
from dlcourse.testing.operators import ATEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dlcourse.testing.rules import Rule

_MOST: Final = 64  # findings in one file, of which a learner reads the first few
_LONGEST: Final = 12  # parts of a dotted name
_DEPTH: Final = "deep nesting"
_ATEN_NAMES: Final = "torch.ops.aten."
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_ANNOTATIONS: Final = frozenset({"annotation", "returns", "type_comment"})


def read_sources(sources: Mapping[str, str], rules: tuple[Rule, ...]) -> tuple[Finding, ...]:
    """Return what is forbidden, or could hide a forbidden call, in source texts by file name."""
    if not rules:
        return ()
    return _read(tuple(sorted(sources.items())), rules)


@lru_cache(maxsize=32)
def _read(sources: tuple[tuple[str, str], ...], rules: tuple[Rule, ...]) -> tuple[Finding, ...]:
    return tuple(finding for file, text in sources for finding in _read_file(file, text, rules))


def _read_file(file: str, text: str, rules: tuple[Rule, ...]) -> list[Finding]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an odd escape in a string, say
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []  # it cannot be loaded either, and the learner is told so
    except (RecursionError, MemoryError):
        remedy = "write it with less"
        return [Finding(_DEPTH, "source", _DEPTH, Place(file, 1), instead=remedy, hides=True)]
    reader = _Reader(file, rules, _Names.of(tree))
    found = dict.fromkeys(reader.findings(tree))
    return list(found)[:_MOST]


@dataclass
class _Names:
    """What the names of a file stand for.

    `paths` are those of imports and of what is assigned from them, `stars` the modules imported
    as a whole, `bound` the names that the file gives a meaning of its own, and `own` the attributes
    and methods of its classes.
    """

    paths: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, tree: ast.AST) -> _Names:
        """Read all imports and definitions of a file, whatever their scope."""
        names = cls()
        for node in _walk(tree):
            match node:
                case ast.Import():
                    names._import(node)
                case ast.ImportFrom():
                    names._import_from(node)
                case ast.Assign(targets=[ast.Name(id=name)]):
                    names._assign(name, node.value)
            names._bind(node)
        return names

    def _bind(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                self.bound.add(name)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                self.own.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.bound.add(node.name)
            case ast.ClassDef():
                self.own.update(child.name for child in node.body if isinstance(child, _FUNCTIONS))

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            first = alias.name.partition(".")[0]
            self.paths[alias.asname or first] = alias.name if alias.asname else first

    def _import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(node.module or "")
            else:
                self.paths[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"

    def _assign(self, name: str, value: ast.expr) -> None:
        path = self.path(value)
        if path is not None and name not in self.paths:
            self.paths[name] = path

    def path(self, node: ast.expr) -> str | None:
        """The dotted path that an expression stands for, if imports tell."""
        parts: list[str] = []
        while len(parts) < _LONGEST:
            step = _step(node)
            if step is None:
                break
            node, name = step
            if name:
                parts.append(name)
        if not isinstance(node, ast.Name) or node.id not in self.paths:
            return None
        return ".".join([self.paths[node.id], *reversed(parts)])


def _step(node: ast.expr) -> tuple[ast.expr, str] | None:
    """An expression that takes an attribute, as what it takes it from and the attribute's name."""
    match node:
        case ast.Attribute(value=value, attr="__dict__"):
            return value, ""
        case ast.Attribute(value=value, attr=name):
            return value, name
        case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(name)), *_]):
            return value, name
        case ast.Call(func=ast.Name(id="vars"), args=[value]):
            return value, ""
        case ast.Subscript(
            value=ast.Attribute(attr="__dict__") | ast.Call(func=ast.Name(id="vars")) as value,
            slice=ast.Constant(value=str(name)),
        ):
            return value, name
    return None


@dataclass(frozen=True)
class _Reader:
    """Goes through one file; `names` are what its imports and assignments mean."""

    file: str
    rules: tuple[Rule, ...]
    names: _Names

    def findings(self, tree: ast.AST) -> Iterator[Finding]:
        """Yield what is found, in the order of the text."""
        for node in _walk(tree):
            match node:
                case ast.Import():
                    for alias in node.names:
                        yield from self._hiding(node, alias.name)
                case ast.ImportFrom():
                    for alias in node.names:
                        yield from self._hiding(node, f"{node.module or ''}.{alias.name}")
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    yield from self._hiding(node, node.name)
                case ast.Name(ctx=ast.Load()):
                    yield from self._name(node)
                case ast.Attribute() | ast.Call() | ast.Subscript():
                    yield from self._expression(node)

    def _name(self, node: ast.Name) -> Iterator[Finding]:
        path = self.names.paths.get(node.id)
        if path is None and node.id not in self.names.bound:
            # From a module imported as a whole, or a builtin.
            candidates = [f"{star}.{node.id}" for star in self.names.stars]
            path = next((path for path in candidates if resolve(path) is not None), node.id)
        if path is not None:
            yield from self._path(node, path)

    def _expression(self, node: ast.Attribute | ast.Call | ast.Subscript) -> Iterator[Finding]:
        path = self.names.path(node)
        if path is not None:
            yield from self._path(node, path)
            return
        step = _step(node)
        if step is not None:
            yield from self._method(node, step[1])
        computed = _computed(node)
        if computed is not None and (self.names.path(computed) or "").startswith("torch"):
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


def _computed(node: ast.expr) -> ast.expr | None:
    """What an attribute is taken from whose name the source does not tell."""
    match node:
        case ast.Call(func=ast.Name(id="getattr"), args=[value, _, *_]):
            return value
        case ast.Subscript(value=ast.Attribute(value=value, attr="__dict__")):
            return value
        case ast.Subscript(value=ast.Call(func=ast.Name(id="vars"), args=[value])):
            return value
    return None


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run, in the order of the text, without recursion."""
    left = [tree]
    while left:
        node = left.pop()
        yield node
        if not _is_main_block(node):
            left += reversed(list(_children(node)))


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in _ANNOTATIONS:
            continue
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST):
                yield child


def _is_main_block(node: ast.AST) -> bool:
    match node:
        case ast.If(
            test=ast.Compare(
                left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant("__main__")]
            )
        ):
            return True
    return False
