"""What stands behind the `student` fixture: graded code, here or in a worker."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from dlcourse.sandbox.driver import compile_driver
from dlcourse.testing.local import LocalObjects
from dlcourse.testing.local_watch import LocalWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from types import ModuleType

    from dlcourse.sandbox.observation import Observation
    from dlcourse.sandbox.record import Record


class Backend(Protocol):
    """Runs graded code; `RemoteSubmission` and `LocalSubmission` are the two there are."""

    @property
    def is_ours(self) -> bool:
        """Whether it is our own code, which hides nothing."""

    @property
    def names(self) -> Mapping[str, str]:
        """The names that the submission defines: `function`, `class`, or a value's type."""

    @property
    def sources(self) -> Mapping[str, str]:
        """The submission's source texts, by file name."""

    def value(self, path: str) -> Any:
        """Return a plain value."""

    def call(self, path: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a function."""

    def observe(
        self, path: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Observation:
        """Call a function and report what it left behind."""

    def watched(self, listener: Callable[[Record], None]) -> AbstractContextManager[None]:
        """Tell `listener` what each call and gradient in the block did."""

    def drive(
        self, name: str, source: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Any:
        """Run a function of the suite beside graded code."""


class LocalSubmission:
    """Our own code in the learner's place, in this process: for judging suites, never learners.

    Objects have stand-ins, as they would have for a worker; modules of torch are handed out
    themselves.
    """

    is_ours: Final = True

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._watch = LocalWatch(module)
        self._objects = LocalObjects(module.__name__, self._watch)
        self.names: Mapping[str, str] = {name: _kind(value) for name, value in vars(module).items()}

    def value(self, path: str) -> Any:
        """Return a plain value of the module."""
        target: Any = self._module
        for name in path.split("."):
            target = getattr(target, name)
        return target

    def call(self, path: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a function of the module."""
        return self._objects.run(path, self.value(path), arguments, keywords)

    def observe(
        self, path: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Observation:
        """Call a function of the module and report what it left behind."""
        return self._objects.observe(path, self.value(path), arguments, keywords)

    @property
    def sources(self) -> Mapping[str, str]:
        """The module's source text, by file name; nothing where it is in no file."""
        return self._watch.sources

    def watched(self, listener: Callable[[Record], None]) -> AbstractContextManager[None]:
        """Tell `listener` what each call in the block did, and each gradient taken there."""
        return self._watch.watched(listener)

    def drive(
        self, name: str, source: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Any:
        """Run a function of the suite with the module as its first argument."""
        driver = partial(compile_driver(source, name), self._module)
        return self._objects.run_plain(name, driver, arguments, keywords)


def _kind(value: object) -> str:
    """What a name stands for, in the words of a worker."""
    if isinstance(value, type):
        return "class"
    return "function" if callable(value) else type(value).__name__
