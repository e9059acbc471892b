"""The way to one object of graded code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

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
