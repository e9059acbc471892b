"""What a call leaves behind: judged by copies of its arguments and of global state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from dlcourse.sandbox.changes import change
from dlcourse.sandbox.record import Effects, Key
from dlcourse.sandbox.replicas import replicas
from dlcourse.sandbox.state import global_state

if TYPE_CHECKING:
    from collections.abc import Iterator


class Before:
    """The arguments of a call and global state as they are now, before it is made."""

    def __init__(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        self._inputs: dict[Key, Any] = by_key(arguments, keywords)
        self._copies = replicas(self._inputs)
        self._state = global_state()

    def effects(self, result: Any) -> Effects:
        """What has changed since; `result` is what the call returned, None where it raised."""
        state = global_state()
        changes = ((key, change(self._copies[key], now)) for key, now in self._inputs.items())
        return Effects(
            mutated=tuple((key, found) for key, found in changes if found is not None),
            aliases=_aliases(result, self._inputs),
            changed=tuple(name for name, value in self._state.items() if value != state[name]),
        )

    def storages(self) -> set[int]:
        """The addresses of the arguments' memory."""
        return {address for tensor in tensors_in(self._inputs) if (address := address_of(tensor))}


def by_key(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[Key, Any]:
    """The arguments of a call by what tells them apart, in their order."""
    return dict([*enumerate(arguments), *keywords.items()])


def _aliases(result: Any, inputs: Mapping[Key, Any]) -> tuple[tuple[int, Key], ...]:
    owners: dict[int, Key] = {}
    for key, value in inputs.items():
        for tensor in tensors_in(value):
            owners.setdefault(address_of(tensor), key)
    found: dict[Key, int] = {}
    for index, tensor in enumerate(crossing(result)):
        address = address_of(tensor)
        if address and address in owners:
            found.setdefault(owners[address], index)
    return tuple((index, key) for key, index in found.items())


def address_of(tensor: torch.Tensor) -> int:
    """Where a tensor's memory begins; 0 where it has none, or none of its own."""
    # A jagged nested tensor says that it is strided.
    if tensor.layout is not torch.strided or tensor.is_nested or not tensor.numel():
        return 0
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:  # the wrapper of a transform of `torch.func` that has ended
        return 0


def crossing(value: Any) -> list[torch.Tensor]:
    """All tensors of a value of graded code; none where it is nested without end."""
    try:
        return list(tensors_in(value))
    except RecursionError:
        return []


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """All tensors of a nested container, depth first."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
