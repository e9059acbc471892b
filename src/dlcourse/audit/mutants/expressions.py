"""Small changes of one expression, as careless programmers make them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

Change: TypeAlias = tuple[str, ast.expr]  # the kind of change, and what takes the place
Operator: TypeAlias = Callable[[ast.expr], Iterator[Change]]

ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_PAIRS: Final = (
    ("max", "min"),
    ("maximum", "minimum"),
    ("amax", "amin"),
    ("argmax", "argmin"),
    ("clamp_max", "clamp_min"),
    ("sum", "mean"),
    ("any", "all"),
    ("tril", "triu"),
    ("floor", "ceil"),
    ("sin", "cos"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("add", "sub"),
    ("add_", "sub_"),
    ("mul", "div"),
    ("mul_", "div_"),
    ("sqrt", "square"),
    ("logical_and", "logical_or"),
    ("append", "insert"),
    ("var", "std"),
)
_ONE_WAY: Final = {
    "round": "floor",
    "round_": "floor_",
    "trunc": "round",
    "rsqrt": "sqrt",
    "exp": "expm1",
    "log": "log1p",
    "sigmoid": "tanh",
    "silu": "relu",
    "softmax": "sigmoid",
    "log_softmax": "softmax",
    "logsumexp": "amax",
    "rand": "randn",
    "randn": "rand",
}
_NAMES: Final = {**dict(_PAIRS), **{right: left for left, right in _PAIRS}, **_ONE_WAY}
_DTYPES: Final = {
    "float64": "float32",
    "float32": "float16",
    "int64": "int32",
    "int32": "int16",
    "int8": "int16",
    "long": "int",
    "double": "float",
    "float": "half",
}
# Where the order of two arguments is of no account.
_SYMMETRIC: Final = frozenset(
    {
        "add",
        "allclose",
        "broadcast_shapes",
        "broadcast_tensors",
        "equal",
        "isclose",
        "logaddexp",
        "logical_and",
        "logical_or",
        "logical_xor",
        "max",
        "maximum",
        "min",
        "minimum",
        "mul",
        "promote_types",
        "result_type",
    }
)
# Methods that are given two axes, in either order.
_EXCHANGES: Final = frozenset({"swapaxes", "swapdims", "transpose"})
_TURNS: Final = frozenset({"T", "mT", "H", "mH"})


def constants(node: ast.expr) -> Iterator[Change]:
    """A number a little off, a truth turned round."""
    match node:
        case ast.Constant(value=bool() as value):
            yield "constant", ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield "constant", ast.Constant(value + 1)
            if value > 0:
                yield "constant", ast.Constant(value - 1)
        case ast.Constant(value=float() as value):
            yield "constant", ast.Constant(2 * value if value else 1.0)
            if value:
                yield "constant", ast.Constant(0.0)


def operators(node: ast.expr) -> Iterator[Change]:
    """Another arithmetic, or one side of it lost."""
    if not isinstance(node, ast.BinOp):
        return
    other = ARITHMETIC.get(type(node.op))
    if other is not None:
        yield "operator", ast.BinOp(node.left, other(), node.right)
    yield "term dropped", node.left
    # What is left of `a - b` without `a` is `-b`.
    alone = ast.UnaryOp(ast.USub(), node.right) if isinstance(node.op, ast.Sub) else node.right
    yield "term dropped", alone


def signs(node: ast.expr) -> Iterator[Change]:
    """A sign, a negation or a complement lost."""
    if isinstance(node, ast.UnaryOp):
        yield "sign", node.operand


def comparisons(node: ast.expr) -> Iterator[Change]:
    """A comparison turned round or off by its border."""
    if not isinstance(node, ast.Compare):
        return
    for place, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
            yield "comparison", ast.Compare(node.left, ops, node.comparators)


def conditions(node: ast.expr) -> Iterator[Change]:
    """`and` for `or`, one of the conditions lost, one branch of a conditional expression alone."""
    match node:
        case ast.BoolOp(op=op, values=values):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield "condition", ast.BoolOp(other, values)
            for place in range(len(values)):
                rest = [*values[:place], *values[place + 1 :]]
                lone = rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
                yield "condition dropped", lone
        case ast.IfExp(body=body, orelse=orelse):
            yield "branch", body
            yield "branch", orelse


def calls(node: ast.expr) -> Iterator[Change]:
    """A call left out: its receiver or its first argument comes through as it is."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self" | "ctx" | "super"))):
            return
        case ast.Call(func=ast.Attribute(value=receiver)) if not _is_library(receiver):
            yield "call dropped", receiver
        case ast.Call(args=[first, *_]) if not isinstance(first, ast.Starred):
            yield "call dropped", first
        case ast.Attribute(value=receiver, attr=attr) if attr in _TURNS:
            yield "transpose dropped", receiver


def arguments(node: ast.expr) -> Iterator[Change]:
    """Two arguments exchanged, or one that has a default left out."""
    if not isinstance(node, ast.Call):
        return
    match node.args:
        case [ast.Starred(), *_] | [_, ast.Starred(), *_]:
            pass
        case [_, _] if _name(node.func) in _EXCHANGES:
            pass
        case [first, second, *rest] if _name(node.func) not in _SYMMETRIC:
            yield "arguments swapped", ast.Call(node.func, [second, first, *rest], node.keywords)
    for place in range(len(node.keywords)):
        kept = [*node.keywords[:place], *node.keywords[place + 1 :]]
        yield "argument dropped", ast.Call(node.func, node.args, kept)


def dims(node: ast.expr) -> Iterator[Change]:
    """The last axis for the first, and the first for the last."""
    if not isinstance(node, ast.Call):
        return
    for place, keyword in enumerate(node.keywords):
        if keyword.arg not in {"dim", "axis"}:
            continue
        last = ast.unparse(keyword.value) == "-1"
        value = ast.Constant(0) if last else ast.UnaryOp(ast.USub(), ast.Constant(1))
        moved = ast.keyword(keyword.arg, value)
        rest = [*node.keywords[:place], moved, *node.keywords[place + 1 :]]
        yield "dim", ast.Call(node.func, node.args, rest)


def functions(node: ast.expr) -> Iterator[Change]:
    """A neighbour in the manual: the smallest for the largest, a sum for a mean."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _NAMES:
            other = ast.Attribute(value, _NAMES[name], ast.Load())
            yield "function", ast.Call(other, node.args, node.keywords)
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield "function", ast.Call(ast.Name(_NAMES[name]), node.args, node.keywords)


def dtypes(node: ast.expr) -> Iterator[Change]:
    """A dtype with fewer digits."""
    match node:
        case ast.Attribute(value=ast.Name(id="torch") as torch, attr=name) if name in _DTYPES:
            yield "dtype", ast.Attribute(torch, _DTYPES[name], ast.Load())
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=[]) if name in _DTYPES:
            other = ast.Attribute(value, _DTYPES[name], ast.Load())
            yield "dtype", ast.Call(other, [], node.keywords)


def slices(node: ast.expr) -> Iterator[Change]:
    """One end of a slice, or its step, forgotten."""
    if not isinstance(node, ast.Slice):
        return
    if node.lower is not None:
        yield "slice", ast.Slice(None, node.upper, node.step)
    if node.upper is not None:
        yield "slice", ast.Slice(node.lower, None, node.step)
    if node.step is not None:
        yield "slice", ast.Slice(node.lower, node.upper, None)


def _name(node: ast.expr) -> str:
    """The last name of a dotted one."""
    return ast.unparse(node).rpartition(".")[2]


def _is_library(node: ast.expr) -> bool:
    """Whether a call on this is one of a library's functions: `torch.exp`, `F.silu`."""
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in {"torch", "math", "F", "nn", "itertools"}


OPERATORS: Final[tuple[Operator, ...]] = (
    constants,
    operators,
    signs,
    comparisons,
    conditions,
    calls,
    arguments,
    dims,
    functions,
    dtypes,
    slices,
)
