"""What a graph keeps for its backward, read off its nodes.

Hooks on saved tensors would be simpler, but `torch.func` refuses to run under them, and they
switch off the check for tensors that were edited in place.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from dlcourse.sandbox.effects import address_of, crossing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch

_RAW: Final = "_raw_saved_"


def saved_bytes(outputs: Iterable[torch.Tensor], excluded: set[int]) -> int:
    """Return the bytes of all storages that the graph of `outputs` keeps, each counted once.

    Tensors that the author of a Function left on `ctx` count as well. Numbers (tensors without
    dimensions), storages at the addresses `excluded` and those of the graph's parameters do not.
    """
    sizes: dict[int, int] = {}
    parameters: set[int] = set()
    for node in _nodes(outputs):
        variable = getattr(node, "variable", None)
        if variable is not None:
            parameters.add(address_of(variable))
        for tensor in _kept(node):
            address = address_of(tensor)
            if address and tensor.dim():
                sizes[address] = tensor.untyped_storage().nbytes()
    return sum(size for at, size in sizes.items() if at not in excluded | parameters)


def _nodes(outputs: Iterable[torch.Tensor]) -> Iterator[Any]:
    """Every node of a graph, once."""
    left: list[Any] = [output.grad_fn for output in outputs]
    seen: set[Any] = {None}
    while left:
        node = left.pop()
        if node not in seen:
            seen.add(node)
            yield node
            left += [following for following, _ in node.next_functions]


def _kept(node: Any) -> Iterator[torch.Tensor]:
    for name in _fields(node.__class__):
        # A graph that was freed keeps nothing.
        with suppress(RuntimeError):
            saved = getattr(node, name)
            for each in saved if isinstance(saved, tuple) else (saved,):
                yield from crossing(_data(each))
    yield from crossing(getattr(node, "__dict__", {}))


def _data(saved: Any) -> Any:
    """What is kept for a saved tensor: the tensor, or what a hook of graded code made of it."""
    return None if saved is None else saved.data


@lru_cache(maxsize=1024)
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(name for name in dir(kind) if name.startswith(_RAW))
