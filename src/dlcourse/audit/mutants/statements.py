"""Small changes of one statement: left out, always taken, cut off from the graph."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from dlcourse.audit.mutants.expressions import ARITHMETIC

Change: TypeAlias = tuple[str, list[ast.stmt]]
Operator: TypeAlias = Callable[[ast.stmt], Iterator[Change]]

_TENSORS: Final = (ast.Call, ast.BinOp, ast.Name, ast.Subscript, ast.UnaryOp, ast.Attribute)


def dropped(node: ast.stmt) -> Iterator[Change]:
    """A statement that only acts, left out."""
    match node:
        case ast.Expr(value=ast.Constant()):  # a docstring
            return
        case ast.Expr() | ast.AugAssign() | ast.Break() | ast.Continue() | ast.Delete():
            yield "statement dropped", [ast.Pass()]
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "statement dropped", [ast.Pass()]
        case ast.Raise():
            yield "statement dropped", [ast.Pass()]
        case ast.Return(value=ast.expr()):
            yield "statement dropped", [ast.Return(None)]


def renewed(node: ast.stmt) -> Iterator[Change]:
    """A name that keeps what it had: `x = f(x)` left out."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _reads(value, name):
            yield "statement dropped", [ast.Pass()]


def branches(node: ast.stmt) -> Iterator[Change]:
    """A branch always taken, or never; a loop or a `with` taken apart."""
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            if not isinstance(test, ast.Constant):
                yield "branch always taken", list(body)
                yield "branch never taken", list(orelse) or [ast.Pass()]
        case ast.With(body=body, items=[ast.withitem(optional_vars=None)]):
            yield "context dropped", list(body)
        case ast.While(test=test) if not isinstance(test, ast.Constant):
            yield "loop never entered", [ast.Pass()]
        case ast.For():
            yield "loop never entered", [ast.Pass()]


def augmented(node: ast.stmt) -> Iterator[Change]:
    """Another arithmetic in place, or none."""
    if not isinstance(node, ast.AugAssign):
        return
    other = ARITHMETIC.get(type(node.op))
    if other is not None:
        yield "operator", [ast.AugAssign(node.target, other(), node.value)]
    yield "operator", [ast.Assign([node.target], node.value)]


def detached(node: ast.stmt, carrying: frozenset[int]) -> Iterator[Change]:
    """A tensor cut off from its graph before it is returned or named.

    `carrying` are the `id`s of the values that have a graph, as far as the source tells.
    """
    match node:
        case ast.Return(value=ast.Tuple(elts=elements)):
            for place, element in enumerate(elements):
                if _has_graph(element, carrying):
                    cut = [*elements[:place], _detach(element), *elements[place + 1 :]]
                    yield "detached", [ast.Return(ast.Tuple(cut, ast.Load()))]
        case ast.Return(value=ast.expr() as value) if _has_graph(value, carrying):
            yield "detached", [ast.Return(_detach(value))]
        case ast.Assign(targets=[ast.Name()] as targets, value=value):
            if _has_graph(value, carrying):
                yield "detached", [ast.Assign(targets, _detach(value))]


def exceptions(node: ast.stmt) -> Iterator[Change]:
    """An exception of another type."""
    match node:
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=args)):
            other = "TypeError" if name != "TypeError" else "ValueError"
            raised = ast.Call(ast.Name(other, ast.Load()), args, [])
            yield "exception", [ast.Raise(raised, node.cause)]


def _reads(value: ast.expr, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(value))


def _has_graph(value: ast.expr, carrying: frozenset[int]) -> bool:
    return isinstance(value, _TENSORS) and id(value) in carrying


def _detach(value: ast.expr) -> ast.expr:
    """`value`, cut off if it is a tensor."""
    return ast.Call(ast.Attribute(value, "detach", ast.Load()), [], [])


OPERATORS: Final[tuple[Operator, ...]] = (
    dropped,
    renewed,
    branches,
    augmented,
    exceptions,
)
