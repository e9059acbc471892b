"""Reads what a worker says of its modules, trusting none of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dlcourse.sandbox.decoder import item
from dlcourse.sandbox.mirrored import CONTAINERS
from dlcourse.sandbox.raised import bounded_text
from dlcourse.sandbox.tensors import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

MAX_DEPTH: Final = 64
MAX_PATHS: Final = 20_000
"""How many modules and tensors may be met on the way through a tree, each time that it is met."""
_NUMBERS: Final = 1 << 63
_MAX_NAME: Final = 300


@dataclass(frozen=True)
class ModuleSpec:
    """One module: its number, class and flags; numbers of its tensors and children by name."""

    number: int
    kind: str
    training: bool
    container: str | None
    parameters: Mapping[str, int | None]
    buffers: Mapping[str, int | None]
    unsaved: frozenset[str]
    children: Mapping[str, int | None]


@dataclass(frozen=True)
class TensorSpec:
    """One tensor as it stands in the worker; only a parameter can require a gradient."""

    tensor: torch.Tensor
    requires_grad: bool


@dataclass(frozen=True)
class Description:
    """Modules and tensors by number; whatever is named is among them."""

    modules: Mapping[int, ModuleSpec]
    tensors: Mapping[int, TensorSpec]


def read_description(
    header: Mapping[str, Any], tensors: Sequence[torch.Tensor], asked: Sequence[int]
) -> Description:
    """Return what an answer says of the modules asked for and those inside; raises Malformed."""
    specs = [_module(entry) for entry in entries(header.get("modules"))]
    values = [_value(entry, tensors) for entry in entries(header.get("values"), 3)]
    modules, known = {spec.number: spec for spec in specs}, dict(values)
    if len(modules) != len(specs) or len(known) != len(values):
        raise Malformed("a number described twice")
    if len({id(value.tensor) for value in known.values()}) != len(known):
        raise Malformed("one tensor under two numbers")
    if _reached(modules, asked) != modules.keys():
        raise Malformed("a module that nobody asked for")
    for spec in specs:
        if not {*spec.parameters.values(), *spec.buffers.values()} <= {None, *known}:
            raise Malformed("a tensor that is not described")
    return Description(modules, known)


def _reached(modules: Mapping[int, ModuleSpec], asked: Sequence[int]) -> set[int]:
    """The modules asked for and those inside them; raises Malformed where one is missing."""
    reached: set[int] = set()
    waiting = [*asked]
    while waiting:
        n = waiting.pop()
        if n not in modules:
            raise Malformed("a module that is not described")
        if n not in reached:
            reached.add(n)
            waiting += [child for child in modules[n].children.values() if child is not None]
    return reached


def entries(value: Any, length: int | None = None) -> list[Any]:
    """Return a list, of lists of a length where one is given; raises Malformed."""
    if type(value) is not list:
        raise Malformed("not a list")
    if length is not None and any(type(e) is not list or len(e) != length for e in value):
        raise Malformed("a list of entries of another length")
    return value


def number(value: Any) -> int:
    """Return the number of an object or of a tensor; raises Malformed."""
    if type(value) is not int or not 0 < value < _NUMBERS:
        raise Malformed("not a number of anything")
    return value


def flag(value: Any) -> bool:
    """Return a flag; raises Malformed."""
    if type(value) is not bool:
        raise Malformed("not a flag")
    return value


def _module(entry: Any) -> ModuleSpec:
    if type(entry) is not dict:
        raise Malformed("a module is not an object")
    container = entry.get("container")
    if container is not None and (type(container) is not str or container not in CONTAINERS):
        raise Malformed("an unknown container")
    parameters, buffers, children = (
        _names(entry.get(field)) for field in ("parameters", "buffers", "children")
    )
    if len({*parameters, *buffers, *children}) != len(parameters) + len(buffers) + len(children):
        raise Malformed("a name that stands for two things")
    saved = [flag(value) for value in entries(entry.get("persistent"))]
    if len(saved) != len(buffers):
        raise Malformed("not a flag for each buffer")
    return ModuleSpec(
        number=number(entry.get("h")),
        kind=bounded_text(entry.get("c"), _MAX_NAME),
        training=flag(entry.get("training")),
        container=container,
        parameters=parameters,
        buffers=buffers,
        unsaved=frozenset(name for name, kept in zip(buffers, saved, strict=True) if not kept),
        children=children,
    )


def _names(value: Any) -> dict[str, int | None]:
    """Return the numbers under valid names, each of which is met once; raises Malformed."""
    pairs = entries(value, 2)
    found = {_name(name): None if n is None else number(n) for name, n in pairs}
    if len(found) != len(pairs):
        raise Malformed("a name met twice")
    return found


def _name(value: Any) -> str:
    """Return a name that can be a part of a dotted one; raises Malformed."""
    text = bounded_text(value, _MAX_NAME)
    if text != value or not text or "." in text:
        raise Malformed("not a name")
    return text


def _value(entry: list[Any], tensors: Sequence[torch.Tensor]) -> tuple[int, TensorSpec]:
    tensor, trains = item(tensors, entry[1]), flag(entry[2])
    if trains and not (tensor.is_floating_point() or tensor.is_complex()):
        raise Malformed("a gradient of a tensor that can have none")
    return number(entry[0]), TensorSpec(tensor, trains)


def require_small_trees(modules: Mapping[int, tuple[int, Sequence[int]]]) -> None:
    """Raise Malformed unless walking through each module ends, and soon.

    `modules` holds, for each, how many tensors it registers, and its children. Shared modules are
    met on every path that leads to them, so few of them can make a tree without end.
    """
    sizes: dict[int, int] = {}

    def size(number: int, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise Malformed("modules nested too deeply, or in a circle")
        if number not in sizes:
            tensors, children = modules[number]
            sizes[number] = 1 + tensors + sum(size(child, depth + 1) for child in children)
            if sizes[number] > MAX_PATHS:
                raise Malformed("a module with too many parts")
        return sizes[number]

    for number in modules:
        size(number, 0)
