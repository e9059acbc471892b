"""One change to a syntax tree, made and taken back."""

from __future__ import annotations

import ast
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Slot:
    """A place in a tree that holds a node: a field of its parent, or a place in a list there."""

    parent: ast.AST
    field: str
    index: int | None = None

    @property
    def node(self) -> Any:
        """What stands there."""
        held = getattr(self.parent, self.field)
        return held if self.index is None else held[self.index]

    def put(self, node: Any) -> None:
        """Let something else stand there."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


@contextlib.contextmanager
def swapped(slot: Slot, node: Any) -> Iterator[None]:
    """Let `node` stand in a slot for a while."""
    original = slot.node
    slot.put(node)
    try:
        yield
    finally:
        slot.put(original)


def slots(parent: ast.AST) -> Iterator[Slot]:
    """Yield the places of a node's children, in the order of the source."""
    for field, value in ast.iter_fields(parent):
        if isinstance(value, ast.AST):
            yield Slot(parent, field)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield Slot(parent, field, index)
