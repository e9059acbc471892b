"""The way to one object of graded code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from dlcourse.sandbox.observation import Observation

METHOD: Final = object()
"""What an access returns for an attribute that is there to be called."""


class Access(Protocol):
    """Reaches one object of graded code for its stand-in.

    A method's name may be empty: then the object itself is called. One access reaches an object in
    a worker, one an object of this process; `dlcourse.testing` has a third, which compares what
    either of them answers with what an object of the solution does.
    """

    @property
    def kind(self) -> str:
        """The name of the object's class."""

    @property
    def target(self) -> Any:
        """What stands for the object among the arguments of a call."""

    def call(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a method."""

    def unchecked(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a method without comparing structures."""

    def observe(
        self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Observation:
        """Call a method and report what it left behind."""

    def operate(self, operation: str, *arguments: Any) -> Any:
        """Do to the object what one of `OPERATIONS` does."""

    def attribute(self, name: str) -> Any:
        """Return the value of an attribute, or METHOD."""


class ModuleAccess(Access, Protocol):
    """Reaches a module for its mirror."""

    @property
    def is_child(self) -> bool:
        """Whether the module is reached as a part of another one."""

    def perform(self, name: str, *arguments: Any) -> None:
        """Call a method, whatever it returns."""

    def follow(self, name: str, value: torch.Tensor | bool) -> None:  # noqa: FBT001 - a value
        """Hear that the suite changed a parameter, a buffer or the flag `training`."""

    def member(self, name: str, value: Any) -> Any:
        """Return a parameter, buffer or child that the mirror holds under a name."""

    def owns(self, name: str, *, registered: bool) -> bool:
        """Whether a name is that of a parameter, buffer or child; `registered` in the mirror."""

    def child(self, name: str, access: ModuleAccess) -> ModuleAccess:
        """Return the access for a child, given the one that has reached it so far."""

    def container(self, claimed: str | None) -> str | None:
        """Return as which container of torch the module is read, given what it is claimed to be."""

    def misfit(self, name: str, was: torch.Tensor) -> BaseException:
        """Return what to raise where the suite gave a tensor another shape or dtype than it had."""

    def refusal(self, operation: str) -> BaseException:
        """Return what to raise for an operation that does not reach graded code."""
