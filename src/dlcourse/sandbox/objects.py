"""The objects of graded code that the grader refers to."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from dlcourse.sandbox.description import flag, number
from dlcourse.sandbox.live import MAX_OBJECTS
from dlcourse.sandbox.mirror import Mirror, MirrorState
from dlcourse.sandbox.mirrors import Mirrors
from dlcourse.sandbox.raised import bounded_text
from dlcourse.sandbox.remote_access import RemoteAccess
from dlcourse.sandbox.shared_generators import SharedGenerators
from dlcourse.sandbox.stand_in import GradedObject, StandIn, access_of
from dlcourse.sandbox.tensors import Malformed

if TYPE_CHECKING:
    from dlcourse.sandbox.process import WorkerProcess

_MAX_KIND: Final = 300


class Objects:
    """One stand-in for each object of one worker; an object goes when its stand-in does."""

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self.generators = SharedGenerators()
        self.mirrors = Mirrors(process, self._mirror)
        self._stand_ins: weakref.WeakValueDictionary[int, StandIn] = weakref.WeakValueDictionary()

    def find(self, tree: dict[str, Any]) -> StandIn:
        """The stand-in for the object that an answer names; raises Malformed."""
        n, is_module = number(tree.get("h")), flag(tree.get("module"))
        kind = bounded_text(tree.get("c"), _MAX_KIND)
        known = self._stand_ins.get(n)
        if known is None:
            return self.mirrors.describe([n])[n] if is_module else self._object(n, kind)
        if isinstance(known, Mirror) is not is_module:
            raise Malformed("an object of two kinds")
        return known

    def _object(self, n: int, kind: str) -> GradedObject:
        stand_in = GradedObject(RemoteAccess(self, n, kind))
        self._register(n, stand_in)
        return stand_in

    def _mirror(self, n: int, kind: str) -> Mirror:
        """The mirror of a module, made where there was none; raises Malformed."""
        known = self._stand_ins.get(n)
        if known is None:
            known = Mirror(RemoteAccess(self, n, kind), MirrorState(n, kind))
            self._register(n, known)
            self.mirrors.add(known)
        if not isinstance(known, Mirror):
            raise Malformed("an object of two kinds")
        return known

    def _register(self, n: int, stand_in: StandIn) -> None:
        """Refer to an object from now on, for as long as its stand-in lives."""
        if len(self._stand_ins) >= MAX_OBJECTS:
            raise Malformed("too many objects")
        self._stand_ins[n] = stand_in
        # An earlier stand-in may have gone while the worker was answering.
        self.process.keep(n)
        weakref.finalize(stand_in, self.process.drop, n)

    def number_of(self, value: Any) -> int | None:
        """The number of an object that is an argument; None where it is none of this worker."""
        target = access_of(value).target if isinstance(value, StandIn) else value
        if isinstance(target, RemoteAccess) and target.objects is self:
            return target.number
        return None
