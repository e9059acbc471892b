"""The solution's object beside each object of graded code: what the same calls made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import torch
from torch import nn

from dlcourse.sandbox.not_mirrored import require_plain
from dlcourse.sandbox.registers import Table, registered
from dlcourse.sandbox.stand_in import StandIn, access_of
from dlcourse.testing.replicas import replica

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TENSORS: Final[tuple[Table, ...]] = ("parameters", "buffers")
NOTHING: Final = object()
"""Stands for an answer of the solution that there is none of."""


class LostTwin(Exception):  # noqa: N818 - a signal: what needs the twin is left out
    """The solution could not follow, so nothing is known any more of what should be."""


class Twinned:
    """Knows the twin of one object, until the solution cannot follow graded code any more."""

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find
        self._is_lost = False

    @property
    def twin(self) -> Any:
        """The solution's object; raises LostTwin."""
        found = NOTHING if self._is_lost else self._find()
        if found is NOTHING:
            raise LostTwin
        return found

    @property
    def lost(self) -> bool:
        """Whether there is no twin any more, or never was one."""
        try:
            return self.twin is NOTHING
        except LostTwin:
            return True

    def holds(self, value: Any) -> bool:
        """Whether `value` is the twin."""
        return not self.lost and self.twin is value

    def lose(self) -> None:
        """Compare nothing from now on."""
        self._is_lost = True


@dataclass
class Twins:
    """The solution's counterparts of what has no stand-in: generators, and modules of this process.

    One generator has one counterpart, so that an object that keeps it draws on where it was.
    """

    modules: WeakKeyDictionary[nn.Module, nn.Module] = field(default_factory=WeakKeyDictionary)
    generators: WeakKeyDictionary[torch.Generator, torch.Generator] = field(
        default_factory=WeakKeyDictionary
    )

    def of(self, value: nn.Module | torch.Generator) -> nn.Module | torch.Generator:
        """The counterpart, in the generator's state; a module that has none is its own."""
        if isinstance(value, nn.Module):
            return self.modules.get(value, value)
        if value not in self.generators:
            self.generators[value] = torch.Generator(value.device)
        return self.generators[value].set_state(value.get_state())

    def follow_generators(self) -> None:
        """Bring all counterparts to the state of their generators, before a call."""
        for generator, twin in self.generators.items():
            twin.set_state(generator.get_state())

    def follow_modules(self) -> None:
        """Bring all counterparts to the contents and flags of their modules, after a call."""
        for module, twin in self.modules.items():
            twin.training = module.training
            for table in _TENSORS:
                for name, tensor in registered(module, table).items():
                    if tensor is not None:
                        follow(twin, name, tensor)


def follow(twin: nn.Module, name: str, value: torch.Tensor | bool) -> None:  # noqa: FBT001 - a value
    """Do to a twin what the suite did to the module, where the twin has such a name at all."""
    if isinstance(value, bool):
        twin.training = value
        return
    for table in _TENSORS:
        mine = registered(twin, table).get(name)
        if mine is not None and mine.shape == value.shape and mine.dtype == value.dtype:
            with torch.no_grad():
                mine.copy_(value)
            if mine.is_leaf and table == "parameters":
                mine.requires_grad_(value.requires_grad)


def spare(value: Any, twins: Twins) -> Any:
    """Copy arguments for the solution, so that it meets them as graded code did.

    Tensors of their own, generators in the state from before the call, and for each object its
    twin; `twins` knows those of generators and of modules of this process.

    Raises:
        LostTwin: an object has none.
        NotMirrored: a tensor is one of a function transform or of forward mode.
    """
    match value:
        case StandIn():
            return _twin_of(value)
        case nn.Module() | torch.Generator():
            return twins.of(value)
        case torch.Tensor():
            require_plain(value)
            return replica(value)
        case list() | tuple():
            parts = [spare(part, twins) for part in value]
            return parts if isinstance(value, list) else tuple(parts)
        case dict():
            return {key: spare(part, twins) for key, part in value.items()}
        case _:
            return value


def _twin_of(stand_in: StandIn) -> Any:
    access = access_of(stand_in)
    if not isinstance(access, Twinned):
        raise LostTwin
    return access.twin


def twins_in(value: Any) -> Iterator[Twinned]:
    """All objects of graded code in a nested container that have, or had, a twin."""
    match value:
        case StandIn():
            access = access_of(value)
            if isinstance(access, Twinned):
                yield access
        case list() | tuple():
            for part in value:
                yield from twins_in(part)
        case dict():
            yield from twins_in(list(value.values()))
