"""All mutants of a solution.

A mutation library made for whole packages would change strings, annotations and messages, which no
suite judges, and knows nothing of tensors: `detach`, `dim`, dtypes, the smallest for the largest.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dlcourse.audit.mutants import expressions, statements
from dlcourse.audit.mutants.graph import carrying
from dlcourse.audit.mutants.swap import Slot, slots, swapped

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 100


@dataclass(frozen=True)
class Mutant:
    """A wrong version of a solution, different in one place.

    `kind` names the change, `where` the function that holds it (`<module>` outside of any), `line`
    its line in the solution. `before` and `after` are the changed code; `number` counts equal
    changes of one function, from 1.
    """

    kind: str
    where: str
    line: int
    before: str
    after: str
    source: str
    number: int = 1

    @property
    def name(self) -> str:
        """What tells the mutant from all others, whatever the lines above it."""
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{self.where}: {self.before} -> {self.after}{again}"


def mutants_of(source: str) -> tuple[Mutant, ...]:
    """Return every mutant of a solution's source, each different from it and from the others."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    programs = {ast.unparse(tree)}
    numbers: dict[str, int] = {}
    for change in _Source(carrying(tree)).changes(tree, "<module>", tree):
        mutant = change.made(tree)
        if mutant is None or mutant.source in programs:
            continue
        programs.add(mutant.source)
        numbers[mutant.name] = number = numbers.get(mutant.name, 0) + 1
        found.append(replace(mutant, number=number))
    return tuple(found)


@dataclass(frozen=True)
class _Change:
    """One change that could be made, to the node that stands in `slot` now.

    A number or a name alone says little: it is shown with its `holder`.
    """

    slot: Slot
    kind: str
    where: str
    holder: ast.AST
    new: ast.expr | list[ast.stmt]

    def made(self, tree: ast.Module) -> Mutant | None:
        """The mutant; None where the changed source is no program."""
        old = self.slot.node
        new = self.new if isinstance(self.new, ast.expr) else _block(self.new)
        around = self.holder if _is_small(old) else None
        line, before = old.lineno, _line(around or old)
        with swapped(self.slot, new):
            source = ast.unparse(ast.fix_missing_locations(tree))
            after = _line(around or new)
        if not _compiles(source):
            return None
        return Mutant(self.kind, self.where, line, before, after, source)


@dataclass(frozen=True)
class _Source:
    """What is known of a whole source: the values that may carry a graph."""

    carrying: frozenset[int]

    def changes(self, parent: ast.AST, where: str, holder: ast.AST) -> Iterator[_Change]:
        """Yield the changes in and below a node, in the order of the source."""
        for slot in slots(parent):
            node = slot.node
            if not _is_judged(slot):
                continue
            for kind, new in self._ways(node):
                yield _Change(slot, kind, where, holder, new)
            inside = holder if _is_small(node) else node
            yield from self.changes(node, _inside(node, where), inside)

    def _ways(self, node: ast.AST) -> Iterator[tuple[str, ast.expr | list[ast.stmt]]]:
        """Yield what could stand in the place of a node."""
        if isinstance(node, ast.expr):
            for operator in expressions.OPERATORS:
                yield from operator(node)
        elif isinstance(node, ast.stmt):
            for change in statements.OPERATORS:
                yield from change(node)
            yield from statements.detached(node, self.carrying)


def _is_small(node: ast.AST) -> bool:
    """Whether a node is a number, a name or a part of a call, which say little by themselves."""
    match node:
        case ast.UnaryOp(operand=operand):
            return _is_small(operand)
        case ast.Constant() | ast.Name() | ast.Slice() | ast.keyword():
            return True
    return False


def _compiles(source: str) -> bool:
    with warnings.catch_warnings():
        # Python itself doubts some mutants; what they do is for the tests to say.
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            compile(source, "mutant", "exec", dont_inherit=True)
        except SyntaxError:
            return False
    return True


def _inside(node: ast.AST, where: str) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name if where == "<module>" else f"{where}.{node.name}"
    return where


def _is_judged(slot: Slot) -> bool:
    """Whether a suite can see a change there: none sees annotations, messages or assertions."""
    node, parent = slot.node, slot.parent
    if slot.field in {"annotation", "returns", "type_params", "bases"}:
        return False
    if isinstance(parent, ast.Raise) or _is_said(node):
        return False
    return not isinstance(node, ast.expr_context)


def _is_said(node: ast.AST) -> bool:
    """Whether code speaks to readers and type checkers alone."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.JoinedStr():
            return True
        case ast.If(test=test):
            return ast.unparse(test).endswith("TYPE_CHECKING")
        case ast.Assign():
            return _is_type(node)
    return False


def _is_type(node: ast.Assign) -> bool:
    """Whether a statement names things for type checkers or for `import *`."""
    match node:
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
            return True
    return False


def _block(statements_: list[ast.stmt]) -> ast.stmt:
    """Several statements as one, which reads as such."""
    if len(statements_) == 1:
        return statements_[0]
    return ast.If(ast.Constant(True), statements_, [])  # noqa: FBT003 - the constant `True`


def _line(node: ast.AST) -> str:
    """The code of a node on one line, without its middle where it is long."""
    lines = [line.strip() for line in ast.unparse(node).splitlines()]
    text = " ".join(lines)
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
