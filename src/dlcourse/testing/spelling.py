"""What the names in a source text stand for, as far as the text itself tells."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 12  # parts of a dotted name
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_ANNOTATIONS: Final = frozenset({"annotation", "returns", "type_comment"})


@dataclass
class Names:
    """What the names of a file stand for.

    `paths` are those of imports and of what is assigned from them, `stars` the modules imported
    as a whole, `stored` the names of variables, `bound` those of functions and parameters, and
    `own` the attributes and methods of its classes.
    """

    paths: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, tree: ast.AST) -> Names:
        """Read all imports and definitions of a file, whatever their scope."""
        names = cls()
        for node in walk(tree):
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
            case ast.Name(id=name, ctx=ast.Store()):
                self.stored.add(name)
            case ast.arg(arg=name):
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
            taken = step(node)
            if taken is None:
                break
            node, name = taken
            if name:
                parts.append(name)
        if not isinstance(node, ast.Name) or node.id not in self.paths:
            return None
        return ".".join([self.paths[node.id], *reversed(parts)])


def step(node: ast.expr) -> tuple[ast.expr, str] | None:
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


def taken_by_computed_name(node: ast.expr) -> ast.expr | None:
    """What an attribute is taken from whose name the source does not tell."""
    match node:
        case ast.Call(func=ast.Name(id="getattr"), args=[value, _, *_]):
            return value
        case ast.Subscript(value=ast.Attribute(value=value, attr="__dict__")):
            return value
        case ast.Subscript(value=ast.Call(func=ast.Name(id="vars"), args=[value])):
            return value
    return None


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run, in the order of the text, without recursion."""
    left = [tree]
    while left:
        node = left.pop()
        yield node
        left += reversed(list(_children(node)))


def _children(node: ast.AST) -> Iterator[ast.AST]:
    never = {*_ANNOTATIONS, "body"} if _is_main_block(node) else _ANNOTATIONS
    for name, value in ast.iter_fields(node):
        if name in never:
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
