"""The modules that the grader mirrors, in the worker: what it was told of them, what has changed.

A module is described without the modules inside it, which have numbers of their own:

    h, c, training           its number, its class's name, its flag
    container                `Sequential` and the like, where it is indexed as they are
    parameters, buffers      [[name, number of the tensor or None], ...]
    persistent               for each buffer, whether it is part of the state
    children                 [[name, number of the module or None], ...]

A tensor's number stands for all places where this one tensor is registered: tied parameters are
one. With every call the grader says what it changed, and hears what the call changed:

    tensors       [[number, index in the frame], ...]
    grad          [[number, requires_grad], ...]
    training      [[number of a module, flag], ...]
    inputs        to the worker: the numbers of the parameters that gradients flow to
    restructured  to the grader: the modules to be described anew, because names, shapes, children
                  or ties differ
    fresh         to the grader: the numbers of the parameters that it will find there
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from dlcourse.sandbox.bits import same_bits
from dlcourse.sandbox.registers import Table, registered, unsaved_buffers
from dlcourse.sandbox.tensors import Unsendable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dlcourse.sandbox.graft import Contents
    from dlcourse.sandbox.live import LiveObjects
    from dlcourse.sandbox.values import Encoder

CONTAINERS: Final[dict[str, type[nn.Module]]] = {
    kind.__name__: kind
    for kind in (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
}


_Place = tuple[Table, str]


@dataclass
class _Tensor:
    """A tensor as the grader knows it; `tensor` is the live one."""

    tensor: torch.Tensor
    copy: torch.Tensor
    requires_grad: bool

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Self:
        """Know a tensor as it is."""
        return cls(tensor, tensor.detach().clone(), _trains(tensor))

    @property
    def has_changed(self) -> bool:
        """Whether the contents differ; another shape is another structure."""
        return (
            self.tensor.shape == self.copy.shape
            and self.tensor.dtype == self.copy.dtype
            and not same_bits(self.tensor, self.copy)
        )


@dataclass
class _Module:
    """A module as it was described: the numbers in the places of its tensors, its form."""

    module: nn.Module
    numbers: dict[_Place, int]
    form: tuple[Any, ...]
    children: tuple[nn.Module | None, ...]
    training: bool

    @property
    def keeps_its_form(self) -> bool:
        """Whether names, shapes, dtypes and children are those that were described."""
        children = registered(self.module, "modules").values()
        if _form(self.module) != self.form or len(children) != len(self.children):
            return False
        return all(now is then for now, then in zip(children, self.children, strict=True))

    def tensors(self) -> Iterator[tuple[int, torch.Tensor]]:
        """The tensors that stand in the places of the numbers now."""
        for (table, name), number in self.numbers.items():
            yield number, registered(self.module, table)[name]


class Mirrored:
    """Describes modules, applies what the grader changed, finds what graded code changed."""

    def __init__(self, live: LiveObjects) -> None:
        self._live = live
        self._modules: dict[int, _Module] = {}
        self._tensors: dict[int, _Tensor] = {}
        self._ids: dict[int, int] = {}
        self._count = itertools.count(1)

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget modules that the grader no longer mirrors, and the tensors of no other one."""
        gone = [number for number in numbers if self._modules.pop(number, None)]
        if gone:
            known = {n for entry in self._modules.values() for n in entry.numbers.values()}
            self._tensors = {n: tensor for n, tensor in self._tensors.items() if n in known}

    # Descriptions.

    def describe(self, numbers: Iterable[int], encoder: Encoder) -> dict[str, Any]:
        """Describe modules and all that are inside them; raises Unsendable."""
        self._ids = {id(known.tensor): n for n, known in self._tensors.items()}
        seen: dict[int, dict[str, Any]] = {}
        for number in numbers:
            self._describe(self._live[number], seen, ())
        values = {n for number in seen for n in self._modules[number].numbers.values()}
        return {
            "modules": list(seen.values()),
            "values": [self._value(n, encoder) for n in sorted(values)],
        }

    def _value(self, number: int, encoder: Encoder) -> list[Any]:
        known = self._tensors[number]
        return [number, encoder.tensor(known.tensor), known.requires_grad]

    def _describe(
        self,
        module: nn.Module,
        seen: dict[int, dict[str, Any]],
        around: tuple[nn.Module, ...],
    ) -> int:
        """Describe one module, after those inside it, and return its number."""
        if any(module is outer for outer in around):
            raise Unsendable("a module that contains itself")
        number = self._live.number_of(module)
        if number not in seen:
            inside = (*around, module)
            children = [
                [name, None if child is None else self._describe(child, seen, inside)]
                for name, child in registered(module, "modules").items()
            ]
            seen[number] = {**self._entry(number, module), "children": children}
        return number

    def _entry(self, number: int, module: nn.Module) -> dict[str, Any]:
        """Remember a module as it is now, and describe it without its children."""
        places = {
            place: None if tensor is None else self._number_of(tensor)
            for place, tensor in _places(module)
        }
        self._modules[number] = _Module(
            module,
            {place: n for place, n in places.items() if n is not None},
            _form(module),
            tuple(registered(module, "modules").values()),
            module.training,
        )
        buffers = [[name, n] for (kind, name), n in places.items() if kind == "buffers"]
        unsaved = unsaved_buffers(module)
        return {
            "h": number,
            "c": type(module).__name__,
            "training": module.training,
            "container": _container(module),
            "parameters": [[name, n] for (kind, name), n in places.items() if kind != "buffers"],
            "buffers": buffers,
            "persistent": [name not in unsaved for name, _ in buffers],
        }

    def _number_of(self, tensor: torch.Tensor) -> int:
        """The number of a tensor; from now on the grader knows it as it is."""
        if id(tensor) not in self._ids:
            self._ids[id(tensor)] = next(self._count)
        number = self._ids[id(tensor)]
        self._tensors[number] = _Tensor.of(tensor)
        return number

    # Synchronisation.

    def apply(
        self, told: dict[str, Any] | None, tensors: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Do what the grader did to its mirrors; returns the parameters that gradients flow to."""
        if told is None:
            return []
        for number, index in told["tensors"]:
            known = self._tensors[number]
            # Not the tensor itself: a graph that was built on it must not look stale, for it is
            # given back what it saw when a gradient is asked for.
            known.tensor.data.copy_(tensors[index])
            known.copy = known.tensor.detach().clone()
        for number, flag in told["grad"]:
            known = self._tensors[number]
            known.requires_grad = known.tensor.requires_grad_(flag).requires_grad
        for number, flag in told["training"]:
            entry = self._modules[number]
            entry.training = entry.module.training = flag
        return [self._tensors[number].tensor for number in told["inputs"]]

    def changes(self, encoder: Encoder) -> tuple[dict[str, Any], list[torch.Tensor]]:
        """What differs from what the grader knows, and the parameters that it does not know yet."""
        restructured = self._restructured()
        fresh = self._fresh(restructured)
        tensors, modules = self._tensors.items(), self._modules.items()
        contents = [n for n, known in tensors if known.has_changed]
        grads = [n for n, known in tensors if _trains(known.tensor) != known.requires_grad]
        flags = [n for n, entry in modules if entry.module.training != entry.training]
        told = {
            "tensors": [[n, encoder.tensor(self._tensors[n].tensor)] for n in contents],
            "grad": [[n, _trains(self._tensors[n].tensor)] for n in grads],
            "training": [[n, self._modules[n].module.training] for n in flags],
            "restructured": restructured,
            "fresh": fresh,
        }
        for n in {*contents, *grads}:
            self._tensors[n] = _Tensor.of(self._tensors[n].tensor)
        for n in flags:
            self._modules[n].training = self._modules[n].module.training
        return told, [self._tensors[n].tensor for n in fresh]

    def contents(self) -> Contents:
        """The parameters that train, each with a copy of what it holds."""
        return [(t.tensor, t.copy) for t in self._tensors.values() if t.requires_grad]

    def _restructured(self) -> list[int]:
        """The modules whose description no longer holds; in the others, new tensors replace old."""
        formed = {n: entry for n, entry in self._modules.items() if entry.keeps_its_form}
        current, contradicted = _paired(pair for e in formed.values() for pair in e.tensors())
        for n, tensor in current.items():
            self._tensors[n].tensor = tensor
        return [
            n
            for n, entry in self._modules.items()
            if n not in formed or contradicted & {*entry.numbers.values()}
        ]

    def _fresh(self, restructured: list[int]) -> list[int]:
        """Give numbers to the parameters in these modules that have none, and train."""
        known = {id(tensor.tensor) for tensor in self._tensors.values()}
        fresh = []
        for number in restructured:
            for parameter in self._modules[number].module.parameters():
                if id(parameter) not in known and _trains(parameter) and not is_lazy(parameter):
                    known.add(id(parameter))
                    fresh.append(next(self._count))
                    self._tensors[fresh[-1]] = _Tensor.of(parameter)
        return fresh


def _paired(
    pairs: Iterable[tuple[int, torch.Tensor]],
) -> tuple[dict[int, torch.Tensor], set[int]]:
    """The one tensor of each number, and the numbers where tensors were tied or untied."""
    tensors: dict[int, torch.Tensor] = {}
    numbers: dict[int, int] = {}
    contradicted = set()
    for number, tensor in pairs:
        if tensors.setdefault(number, tensor) is not tensor:
            contradicted.add(number)
        if numbers.setdefault(id(tensor), number) != number:
            contradicted |= {number, numbers[id(tensor)]}
    return {n: t for n, t in tensors.items() if n not in contradicted}, contradicted


def _trains(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) and tensor.requires_grad


def _places(module: nn.Module) -> Iterator[tuple[_Place, torch.Tensor | None]]:
    """Where a module registers tensors, and which; lazy ones have no shape and are left out."""
    tables: tuple[Table, ...] = ("parameters", "buffers")
    for table in tables:
        for name, tensor in registered(module, table).items():
            if not is_lazy(tensor):
                yield (table, name), tensor


def _form(module: nn.Module) -> tuple[Any, ...]:
    """What must stay as it is for a description to hold, but for which tensors are one."""
    return (
        [(place, t is None or (t.shape, t.dtype)) for place, t in _places(module)],
        set(unsaved_buffers(module)),
        list(registered(module, "modules")),
    )


def _container(module: nn.Module) -> str | None:
    """The container of torch as which a module is indexed, counted and iterated over."""
    for name, kind in CONTAINERS.items():
        if isinstance(module, kind) and all(
            getattr(type(module), method) is getattr(kind, method)
            for method in ("__getitem__", "__iter__", "__len__")
        ):
            return name
    return None
