"""What each name of a solution is bound to: variables, attributes, arguments and results."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A function with its line, `""` for the module, and what is named there: `x`, or of the module
# `self.x` for an attribute and `f()` for what functions of a name return.
Key: TypeAlias = tuple[str, str]

_NOTHING: Final = ast.Constant(None)

_PLAIN: Final = frozenset(
    {
        "Device",
        "Generator",
        "Iterable",
        "Literal",
        "None",
        "Sequence",
        "Size",
        "bool",
        "device",
        "dtype",
        "float",
        "int",
        "list",
        "str",
        "torch",
        "tuple",
    }
)
_GROWING: Final = frozenset({"append", "appendleft", "extend", "insert", "setdefault", "update"})
_SWITCHES: Final = frozenset({"inference_mode", "no_grad", "once_differentiable"})
_INTEGERS: Final = frozenset({"bool", "int8", "int16", "int32", "int64", "long", "uint8"})


@dataclass(frozen=True)
class Scope:
    """The functions around some code, from the inside, and `""` for the module.

    `is_cut` says that autograd records nothing there.
    """

    around: tuple[str, ...] = ("",)
    is_cut: bool = False


@dataclass(frozen=True)
class Binding:
    """One value for one name; None stands for a value that comes from outside."""

    key: Key
    value: ast.expr | None
    scope: Scope


def bindings_of(tree: ast.Module) -> tuple[Binding, ...]:
    """Return what is bound to each name of a module, its functions, methods and classes."""
    collector = _Collector(_private(tree))
    collector.block(tree.body, Scope())
    return tuple(collector.bindings)


def last_name(node: ast.AST) -> str:
    """The last name of a dotted one; empty for what has none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def is_integer_dtype(node: ast.expr) -> bool:
    """Whether an expression is a dtype of integers or booleans, which carry no graph."""
    match node:
        case ast.Attribute(value=ast.Name(id="torch"), attr=name):
            return name in _INTEGERS
    return False


def _private(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The functions that only the module itself calls, and does nothing else with."""
    functions = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and _is_private(node.name)
    }
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    handed_on = {last_name(node) for node in ast.walk(tree) if id(node) not in called}
    return {name: node for name, node in functions.items() if name not in handed_on}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@dataclass
class _Collector:
    """Walks through statements and notes what they bind."""

    private: dict[str, ast.FunctionDef]
    bindings: list[Binding] = field(default_factory=list)

    def block(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        """Note the bindings of statements, and of those inside of them."""
        for node in body:
            match node:
                case ast.FunctionDef():
                    self._function(node, scope)
                case ast.With(items=items) if any(_is_switch(one.context_expr) for one in items):
                    self.block(node.body, replace(scope, is_cut=True))
                case _:
                    self._statement(node, scope)
                    self._expressions(node, scope)
                    for inner in _blocks(node):
                        self.block(inner, scope)

    def _bind(self, key: Key, value: ast.expr | None, scope: Scope) -> None:
        self.bindings.append(Binding(key, value, scope))

    def _function(self, node: ast.FunctionDef, scope: Scope) -> None:
        is_cut = _is_outside_the_graph(node)
        place = _place(node)
        inner = Scope((place, *scope.around), scope.is_cut or is_cut or _has_switch(node))
        # Bound, so that the name is known at all: a call of it carries what it returns.
        self._bind((scope.around[0], node.name), _NOTHING, scope)
        self._bind(("", f"{node.name}()"), _NOTHING, scope)
        for parameter in _parameters(node):
            told = node.name in self.private and parameter in _named(node)
            plain = is_cut or told or _is_plain(parameter.annotation)
            self._bind((place, parameter.arg), _NOTHING if plain else None, inner)
        self.block(node.body, inner)

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        """Note what a statement binds by itself."""
        for name in _named_outside(node):
            self._bind((scope.around[0], name), _NOTHING, scope)
        if isinstance(node, ast.Return) and node.value is not None:
            self._returned(node.value, scope)
        for target, value in _assigned(node):
            self._target(target, value, scope)

    def _returned(self, value: ast.expr, scope: Scope) -> None:
        function = scope.around[0].partition(":")[0]
        for one in [value, *(value.elts if isinstance(value, ast.Tuple) else [])]:
            self._bind(("", f"{function}()"), one, scope)

    def _target(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        match target, value:
            case (ast.Tuple(elts=names), ast.Tuple(elts=values)) if len(names) == len(values):
                for name, one in zip(names, values, strict=True):
                    self._target(name, one, scope)
            case ((ast.Tuple(elts=names) | ast.List(elts=names)), _):
                for name in names:
                    self._target(name, value, scope)
            case ast.Starred(value=name), _:
                self._target(name, value, scope)
            case ast.Name(id=name), _:
                self._bind((scope.around[0], name), value, scope)
            case _:
                self._written(target, value, scope)

    def _written(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        """Note a value that is written into something: an element, an attribute, in place."""
        match target:
            case ast.Attribute(value=ast.Name(id="self"), attr=attr):
                self._bind(("", f"self.{attr}"), value, scope)
            case ast.Name(id=name):
                for place in scope.around:
                    self._bind((place, name), value, scope)
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                self._written(inner, value, scope)

    def _expressions(self, node: ast.stmt, scope: Scope) -> None:
        """Note what the expressions of one statement bind, without the statements inside."""
        for part in _parts(node):
            match part:
                case ast.comprehension(target=target, iter=value):
                    self._target(target, value, scope)
                case ast.NamedExpr(target=target, value=value):
                    self._target(target, value, scope)
                case ast.Call():
                    self._call(part, scope)

    def _call(self, node: ast.Call, scope: Scope) -> None:
        name = last_name(node.func)
        match node:
            case ast.Call(args=[ast.Constant(value=str() as buffer), value, *_]) if (
                name == "register_buffer"
            ):
                self._bind(("", f"self.{buffer}"), value, scope)
            case ast.Call(func=ast.Attribute(value=receiver)) if _writes(name):
                for value in node.args:
                    self._written(receiver, value, scope)
            case _ if name in self.private:
                self._arguments(node, self.private[name], scope)

    def _arguments(self, node: ast.Call, function: ast.FunctionDef, scope: Scope) -> None:
        """Bind what a private function is called with to its parameters."""
        names, place = [one.arg for one in _named(function)], _place(function)
        if any(isinstance(one, ast.Starred) for one in node.args):
            for name in names:
                self._bind((place, name), None, scope)
            return
        # The parameters beyond the positional arguments have defaults, or are named.
        for name, value in zip(names, node.args, strict=False):
            self._bind((place, name), value, scope)
        for keyword in node.keywords:
            for name in [keyword.arg] if keyword.arg else names:
                self._bind((place, name), keyword.value, scope)


def _place(node: ast.FunctionDef) -> str:
    """What stands for a function in keys: methods of two classes may share a name."""
    return f"{node.name}:{node.lineno}"


def _parameters(node: ast.FunctionDef) -> Iterator[ast.arg]:
    yield from (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    yield from (one for one in (node.args.vararg, node.args.kwarg) if one is not None)


def _named(node: ast.FunctionDef) -> list[ast.arg]:
    """The parameters that a call gives one value each, in order."""
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return named[1:] if named and named[0].arg in {"cls", "ctx", "self"} else named


def _is_plain(annotation: ast.expr | None) -> bool:
    """Whether an annotation speaks of numbers, texts and other things without a graph."""
    if annotation is None:
        return False
    words = {last_name(node) for node in ast.walk(annotation)} - {""}
    return words <= _PLAIN


def _has_switch(node: ast.FunctionDef) -> bool:
    return any(map(_is_switch, node.decorator_list))


def _is_switch(node: ast.expr) -> bool:
    """Whether something switches autograd off: `torch.no_grad()`."""
    return last_name(node.func if isinstance(node, ast.Call) else node) in _SWITCHES


def _is_outside_the_graph(node: ast.FunctionDef) -> bool:
    """Whether autograd itself calls it and looks away: `forward` of an `autograd.Function`."""
    arguments = node.args.args
    return node.name == "forward" and bool(arguments) and arguments[0].arg == "ctx"


def _writes(name: str) -> bool:
    """Whether a method writes its arguments into its receiver: `add_`, `append`."""
    return name in _GROWING or (name.endswith("_") and not name.endswith("__"))


def _named_outside(node: ast.stmt) -> list[str]:
    """What a statement names that is no tensor: modules, their functions, classes."""
    match node:
        case ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [one.asname or one.name.partition(".")[0] for one in names]
    return []


def _assigned(node: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """What a statement assigns to: each target with its value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            return [(target, value) for target in targets]
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return [(target, value)]
        case ast.AugAssign(target=target, value=value) | ast.For(target=target, iter=value):
            return [(target, value)]
        case ast.With(items=items):
            named = [(item.optional_vars, item.context_expr) for item in items]
            return [(target, value) for target, value in named if target is not None]
    return []


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for holder in (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        for name in ("body", "orelse", "finalbody"):
            yield getattr(holder, name, [])


def _parts(node: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement, without those of the statements inside of it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from ast.walk(child)
