"""The solution's object beside each object of graded code: what the same calls made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import torch
from torch import nn

from dlcourse.sandbox.not_mirrored import require_plain
from dlcourse.sandbox.registers import Table, registered
from dlcourse.sandbox.stand_in import StandIn, access_of
from dlcourse.testing.replicas import replica

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from weakref import WeakKeyDictionary

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


LocalTwins: TypeAlias = "WeakKeyDictionary[nn.Module, nn.Module]"


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


def follow_all(modules: LocalTwins) -> None:
    """Let the twins of modules of this process be as those are now."""
    for module, twin in modules.items():
        twin.training = module.training
        for table in _TENSORS:
            for name, tensor in registered(module, table).items():
                if tensor is not None:
                    follow(twin, name, tensor)


def spare(value: Any, modules: LocalTwins) -> Any:
    """Copy arguments for the solution, so that it meets them as graded code did.

    Tensors of their own, generators in the state from before the call, and for each object its
    twin; for a module of this process that stands in `modules`.

    Raises:
        LostTwin: an object has none.
        NotMirrored: a tensor is one of a function transform or of forward mode.
    """
    match value:
        case StandIn():
            access = access_of(value)
            if not isinstance(access, Twinned):
                raise LostTwin
            return access.twin
        case nn.Module():
            return modules.get(value, value)
        case torch.Tensor() | torch.Generator():
            return _copy(value)
        case list() | tuple():
            parts = [spare(part, modules) for part in value]
            return parts if isinstance(value, list) else tuple(parts)
        case dict():
            return {key: spare(part, modules) for key, part in value.items()}
        case _:
            return value


def _copy(value: torch.Tensor | torch.Generator) -> torch.Tensor | torch.Generator:
    if isinstance(value, torch.Generator):
        return torch.Generator(value.device).set_state(value.get_state())
    require_plain(value)
    return replica(value)


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
