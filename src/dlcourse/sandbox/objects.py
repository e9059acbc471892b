"""The objects of graded code that the grader refers to."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from dlcourse.sandbox.live import MAX_OBJECTS
from dlcourse.sandbox.raised import bounded_text
from dlcourse.sandbox.remote_access import RemoteAccess
from dlcourse.sandbox.stand_in import GradedObject, StandIn, access_of
from dlcourse.sandbox.tensors import Malformed

if TYPE_CHECKING:
    from dlcourse.sandbox.process import WorkerProcess

_NUMBERS: Final = 1 << 63
_MAX_KIND: Final = 300


class Objects:
    """One stand-in for each object of one worker; an object goes when its stand-in does."""

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self._stand_ins: weakref.WeakValueDictionary[int, StandIn] = weakref.WeakValueDictionary()

    def find(self, tree: dict[str, Any]) -> StandIn:
        """The stand-in for the object that an answer names; raises Malformed."""
        number = object_number(tree.get("h"))
        kind = bounded_text(tree.get("c"), _MAX_KIND)
        if type(tree.get("module")) is not bool:
            raise Malformed("whether an object is a module")
        known = self._stand_ins.get(number)
        return known if known is not None else self._made(number, kind)

    def _made(self, number: int, kind: str) -> StandIn:
        stand_in = GradedObject(RemoteAccess(self, number, kind))
        self._register(number, stand_in)
        return stand_in

    def _register(self, number: int, stand_in: StandIn) -> None:
        """Refer to an object from now on, for as long as its stand-in lives."""
        if len(self._stand_ins) >= MAX_OBJECTS:
            raise Malformed("too many objects")
        self._stand_ins[number] = stand_in
        # An earlier stand-in may have gone while the worker was answering.
        self.process.keep(number)
        weakref.finalize(stand_in, self.process.drop, number)

    def number_of(self, value: Any) -> int | None:
        """The number of an object that is an argument; None where it is none of this worker."""
        target = access_of(value).target if isinstance(value, StandIn) else value
        if isinstance(target, RemoteAccess) and target.objects is self:
            return target.number
        return None


def object_number(value: Any) -> int:
    """Return the number of an object; raises Malformed where it is none."""
    if type(value) is not int or not 0 < value < _NUMBERS:
        raise Malformed("the number of an object")
    return value
