"""The objects that a worker keeps for the grader, each under a number that is never reused."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from torch import nn

from dlcourse.sandbox.crossing import attribute_of, is_method, is_object
from dlcourse.sandbox.operations import OPERATIONS
from dlcourse.sandbox.tensors import Unsendable
from dlcourse.sandbox.values import Encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

MAX_OBJECTS: Final = 10_000


class LiveObjects:
    """Objects by number; one that is met again keeps its number for as long as it is kept.

    `modules` are the names of the submission's own modules.
    """

    def __init__(self, modules: Collection[str] = ()) -> None:
        self.modules = frozenset(modules)
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._count = itertools.count(1)

    def number_of(self, value: Any) -> int:
        """Keep an object and return its number; raises Unsendable where there are too many."""
        if id(value) not in self._numbers:
            if len(self._objects) >= MAX_OBJECTS:
                raise Unsendable(f"more than {MAX_OBJECTS} objects")
            number = next(self._count)
            self._objects[number] = value
            self._numbers[id(value)] = number
        return self._numbers[id(value)]

    def __getitem__(self, number: int) -> Any:
        """The object of a number."""
        return self._objects[number]

    def __len__(self) -> int:
        """How many objects are kept."""
        return len(self._objects)

    def find(self, tree: dict[str, Any]) -> Any:
        """The object that the tree of an argument names."""
        return self._objects[tree["h"]]

    def drop(self, numbers: Iterable[int]) -> None:
        """Let objects go that the grader no longer refers to."""
        for number in numbers:
            value = self._objects.pop(number, None)
            if value is not None:
                del self._numbers[id(value)]

    def operation(self, name: str) -> Callable[..., Any]:
        """The function behind an operation; its first argument is the object."""
        if name == "attribute":
            return partial(_attribute, self.modules)
        return OPERATIONS[name]


class AnswerEncoder(Encoder):
    """Encodes answers, with objects by their numbers."""

    def __init__(self, live: LiveObjects) -> None:
        super().__init__()
        self._live = live

    def unknown(self, value: Any) -> Any:
        """Return the tree of an object; raises Unsendable for what is none."""
        if not is_object(value, self._live.modules):
            return super().unknown(value)
        return {
            "$": "object",
            "h": self._live.number_of(value),
            "c": type(value).__name__,
            "module": issubclass(type(value), nn.Module),
        }


def _attribute(modules: Collection[str], target: Any, name: str) -> tuple[bool, Any]:
    """Whether an attribute is a method, and its value where it is none."""
    value = attribute_of(target, name)
    return (True, None) if is_method(value, modules) else (False, value)
