"""The solution's object beside each object of graded code: what the same calls made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import torch
from torch import nn

from dlcourse.sandbox.stand_in import StandIn, access_of
from dlcourse.testing.replicas import replicas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from weakref import WeakKeyDictionary

NOTHING: Final = object()
"""Stands for an answer of the solution that there is none of."""


class LostTwin(Exception):  # noqa: N818 - a signal: what needs the twin is left out
    """The solution could not follow, so nothing is known any more of what should be."""


class Twinned:
    """Knows the twin of one object, until the solution cannot follow graded code any more."""

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find
        self._lost = False

    @property
    def twin(self) -> Any:
        """The solution's object; raises LostTwin."""
        found = NOTHING if self._lost else self._find()
        if found is NOTHING:
            raise LostTwin
        return found

    def lose(self) -> None:
        """Compare nothing from now on."""
        self._lost = True


LocalTwins: TypeAlias = "WeakKeyDictionary[nn.Module, nn.Module]"


def spare(value: Any, modules: LocalTwins) -> Any:
    """Copy arguments for the solution, so that it meets them as graded code did.

    Tensors of their own, generators in the state from before the call, and for each object its
    twin; for a module of this process that stands in `modules`.

    Raises:
        LostTwin: an object has none.
    """
    match value:
        case StandIn():
            access = access_of(value)
            if not isinstance(access, Twinned):
                raise LostTwin
            return access.twin
        case nn.Module():
            return modules.get(value, value)
        case torch.Generator():
            return torch.Generator(value.device).set_state(value.get_state())
        case list() | tuple():
            parts = [spare(part, modules) for part in value]
            return parts if isinstance(value, list) else tuple(parts)
        case dict():
            return {key: spare(part, modules) for key, part in value.items()}
        case _:
            return replicas(value)


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
