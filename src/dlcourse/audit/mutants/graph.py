"""Which values of a solution can carry an autograd graph, as its source alone tells.

Where there is no graph, cutting it off changes nothing. What is unknown counts as carrying one.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dlcourse.audit.mutants.bindings import bindings_of, is_integer_dtype, last_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlcourse.audit.mutants.bindings import Binding, Key, Scope

# Whatever they are given, they answer with integers, booleans, sizes, or tensors without a past.
_CUTTING: Final = frozenset(
    {
        "all",
        "allclose",
        "any",
        "arange",
        "argmax",
        "argmin",
        "argsort",
        "bincount",
        "bool",
        "broadcast_shapes",
        "bucketize",
        "detach",
        "dim",
        "element_size",
        "empty_like",
        "eq",
        "equal",
        "finfo",
        "full_like",
        "ge",
        "get_device",
        "gt",
        "iinfo",
        "int",
        "is_contiguous",
        "isclose",
        "isfinite",
        "isinf",
        "isnan",
        "item",
        "le",
        "len",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "long",
        "lt",
        "multinomial",
        "ndimension",
        "ne",
        "new_empty",
        "new_full",
        "new_ones",
        "new_zeros",
        "nonzero",
        "numel",
        "ones_like",
        "promote_types",
        "rand_like",
        "randint",
        "randint_like",
        "randn_like",
        "randperm",
        "range",
        "result_type",
        "searchsorted",
        "short",
        "size",
        "stride",
        "tolist",
        "uint8",
        "zeros_like",
    }
)
# Their first argument is a mask.
_CHOOSING: Final = frozenset({"masked_fill", "masked_fill_", "masked_select", "where"})
_FACTS: Final = frozenset(
    {"device", "dtype", "is_cuda", "layout", "ndim", "requires_grad", "shape"}
)
# Under `no_grad` these may still hand on the very tensor that they were given.
_HANDING_ON: Final = frozenset({"contiguous", "cpu", "double", "float", "half", "to", "type"})
_BUILTINS: Final = frozenset(dir(builtins))


def carrying(tree: ast.Module) -> frozenset[int]:
    """Return the `id` of each expression of `tree` that is returned or named and may carry a graph.

    The elements of a returned tuple count as returned.
    """
    bindings = bindings_of(tree)
    flow = _Flow(frozenset(one.key for one in bindings))
    flow.settle(bindings)
    return frozenset(id(one.value) for one in bindings if flow.reaches(one))


@dataclass
class _Flow:
    """The keys that a graph reaches, so far; it only ever grows."""

    known: frozenset[Key]
    reached: set[Key] = field(default_factory=set)

    def settle(self, bindings: Iterable[Binding]) -> None:
        """Follow the graph from name to name until it reaches no more of them."""
        sources: dict[Key, list[Binding]] = defaultdict(list)
        for one in bindings:
            sources[one.key].append(one)
        while new := {
            key
            for key, values in sources.items()
            if key not in self.reached and any(map(self.reaches, values))
        }:
            self.reached |= new

    def reaches(self, binding: Binding) -> bool:
        """Whether what is bound carries a graph."""
        if binding.value is None:
            return True
        if binding.scope.is_cut and not _is_handed_on(binding.value):
            return False
        return self.carries(binding.value, binding.scope)

    def carries(self, node: ast.expr, scope: Scope) -> bool:
        """Whether an expression carries a graph, where nothing has switched autograd off."""
        match node:
            case ast.Name(id=name):
                return self._name(name, scope)
            case ast.Attribute(value=ast.Name(id="self"), attr=attr) if attr not in _FACTS:
                key = ("", f"self.{attr}")
                return key in self.reached or key not in self.known
            case ast.Call():
                return self._call(node, scope)
        return any(self.carries(part, scope) for part in _sources(node))

    def _name(self, name: str, scope: Scope) -> bool:
        keys = {(place, name) for place in scope.around}
        if keys & self.known:
            return bool(keys & self.reached)
        return name not in _BUILTINS

    def _call(self, node: ast.Call, scope: Scope) -> bool:
        name = last_name(node.func)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        results = ("", f"{name}()")
        if any(keyword.arg == "requires_grad" for keyword in node.keywords):
            return True
        if name in _CUTTING or any(map(is_integer_dtype, given)):
            return False
        if results in self.known:
            return results in self.reached
        if name[:1].isupper():  # a module has parameters
            return True
        chosen = given[1:] if name in _CHOOSING else given
        return any(self.carries(part, scope) for part in [node.func, *chosen])


def _sources(node: ast.expr) -> list[ast.expr]:
    """The parts of an expression from which it has its graph, if it has one."""
    match node:
        case (
            ast.Compare()
            | ast.JoinedStr()
            | ast.UnaryOp(op=ast.Invert() | ast.Not())
            | ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.BitXor() | ast.LShift() | ast.RShift())
        ):
            return []
        case ast.Attribute(attr=attr) if attr in _FACTS:
            return []
        case ast.Subscript(value=value):
            return [value]
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.ListComp(elt=elt) | ast.GeneratorExp(elt=elt) | ast.SetComp(elt=elt):
            return [elt]
    return [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]


def _is_handed_on(node: ast.expr) -> bool:
    """Whether an expression may be a tensor that was there before, not one made of it."""
    match node:
        case ast.Call(func=ast.Attribute(attr=attr)):
            return attr in _HANDING_ON
        case ast.Call() | ast.BinOp() | ast.UnaryOp():
            return False
    return True
