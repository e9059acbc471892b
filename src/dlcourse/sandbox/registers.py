"""The tables in which a module of torch registers what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from torch import nn

Table = Literal["parameters", "buffers", "modules"]
TABLES: Final[tuple[Table, ...]] = ("parameters", "buffers", "modules")


def registered(module: nn.Module, table: Table) -> dict[str, Any]:
    """The parameters, buffers or children of a module itself, by name; some may be None.

    Raises AttributeError where the module was never initialised.
    """
    found: dict[str, Any] | None = vars(module).get(f"_{table}")
    if found is None:
        raise AttributeError("cannot use a module before its `super().__init__()` call")
    return found


def unsaved_buffers(module: nn.Module) -> set[str]:
    """The names of the buffers that are not part of a module's state; the set itself."""
    found: set[str] = vars(module)["_non_persistent_buffers_set"]
    return found
