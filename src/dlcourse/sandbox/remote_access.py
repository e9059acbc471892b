"""The way to an object in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dlcourse.sandbox.access import METHOD
from dlcourse.sandbox.call import Call
from dlcourse.sandbox.faults import WrongAnswer
from dlcourse.sandbox.not_mirrored import RESHAPING, NotMirrored

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from dlcourse.sandbox.access import ModuleAccess
    from dlcourse.sandbox.objects import Objects
    from dlcourse.sandbox.observation import Observation

MAX_ITERATED: Final = 256 << 20
"""How many bytes the items of one iterator may hold together."""


class RemoteAccess:
    """Reaches the object of a number; what its answers are is checked by the caller."""

    def __init__(self, objects: Objects, number: int, kind: str) -> None:
        self.objects = objects
        self.number = number
        self.kind = kind
        self.is_child = False
        self._iterated = 0

    @property
    def target(self) -> RemoteAccess:
        """What stands for the object among the arguments of a call."""
        return self

    def call(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a method."""
        return self._call(name, arguments, keywords, observe=False).value()

    def unchecked(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a method."""
        return self.call(name, arguments, keywords)

    def observe(
        self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Observation:
        """Call a method and report what it left behind, by the worker's own claim."""
        return self._call(name, arguments, keywords, observe=True).observation()

    def operate(self, operation: str, *arguments: Any) -> Any:
        """Do to the object what one of `OPERATIONS` does.

        Raises WrongAnswer where the items of an iterator grow too large together.
        """
        call = self._operation(operation, arguments)
        value = call.value()
        if operation == "next":
            self._iterated += call.weight
            if self._iterated > MAX_ITERATED:
                raise WrongAnswer(
                    f"the items of an iterator hold more than {MAX_ITERATED >> 20} MiB together: "
                    "yield fewer or smaller ones"
                )
        return value

    def attribute(self, name: str) -> Any:
        """Return the value of an attribute, or METHOD."""
        match self._operation("attribute", (name,)).value():
            case (True, None):
                return METHOD
            case (False, value):
                return value
        raise self.objects.process.malformed("an attribute")

    def perform(self, name: str, *arguments: Any) -> None:
        """Call a method, whatever it returns."""
        self.call(name, arguments, {})

    def follow(self, name: str, value: torch.Tensor | bool) -> None:  # noqa: FBT001 - a value
        """Do nothing: the worker is told with the next call."""

    def member(self, name: str, value: Any) -> Any:  # noqa: ARG002 - nothing is known of the name
        """Return a parameter, buffer or child of a mirror as it is."""
        return value

    def owns(self, name: str, *, registered: bool) -> bool:  # noqa: ARG002 - the same
        """Whether a name is that of a parameter, buffer or child of a mirror."""
        return registered

    def child(self, name: str, access: ModuleAccess) -> ModuleAccess:  # noqa: ARG002 - the same
        """Mark the access to a child as such."""
        if isinstance(access, RemoteAccess):
            access.is_child = True
        return access

    def container(self, claimed: str | None) -> str | None:
        """Return the claim: nothing is known of the module."""
        return claimed

    def misfit(self, name: str, was: torch.Tensor) -> BaseException:  # noqa: ARG002 - the same
        """Return NotMirrored."""
        return self.refusal(RESHAPING)

    def refusal(self, operation: str) -> BaseException:
        """Return NotMirrored."""
        return NotMirrored(operation)

    def _call(
        self,
        name: str,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        *,
        observe: bool,
    ) -> Call:
        header = {
            "object": self.number,
            "target": name,
            "name": ".".join(filter(None, (self.kind, name))),
            "observe": observe,
        }
        return Call(self.objects, header, arguments, keywords)

    def _operation(self, operation: str, arguments: tuple[Any, ...]) -> Call:
        header = {"operation": operation, "name": operation, "observe": False}
        return Call(self.objects, header, (self, *arguments), {})
