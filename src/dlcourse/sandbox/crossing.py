"""What crosses the boundary by its number instead of by its value, and how its names are found."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Collection

# What `contextlib.contextmanager` makes: a generator in the clothes of a context manager.
_CONTEXT_MANAGERS: Final = "contextlib"


class MissingAttribute(Exception):  # noqa: N818 - it says what is wrong with graded code
    """An object lacks a name; `kind` is its class, or the object itself where it is a class."""

    def __init__(self, target: object, name: str) -> None:
        self.kind: type = target if isinstance(target, type) else type(target)
        self.name = name
        super().__init__(f"`{self.kind.__name__}` has no `{name}`")


def is_object(value: Any, modules: Collection[str]) -> bool:
    """Whether a value without a plain form stays where it is and is known by a number.

    Modules of torch, iterators, context managers of contextlib, and instances of the classes that
    `modules` define.
    """
    kind = type(value)
    if issubclass(kind, type):
        return False
    if issubclass(kind, nn.Module) or hasattr(kind, "__next__"):
        return True
    return kind.__module__ == _CONTEXT_MANAGERS or kind.__module__ in modules


def is_method(value: Any, modules: Collection[str]) -> bool:
    """Whether an attribute is there to be called, and is not an object that can be called too."""
    return callable(value) and not is_object(value, modules)


def attribute_of(target: Any, name: str) -> Any:
    """Return an attribute; raises MissingAttribute only where nothing of that name is defined."""
    try:
        return getattr(target, name)
    except AttributeError:
        # A property that is there may raise an AttributeError of its own.
        nothing = object()
        if inspect.getattr_static(target, name, nothing) is not nothing:
            raise
    raise MissingAttribute(target, name)
