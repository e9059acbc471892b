"""Calls graded code and says what it did besides answering, as far as the grader asks."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlcourse.sandbox.effects import Before, crossing
from dlcourse.sandbox.lens import Lens
from dlcourse.sandbox.saved import saved_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from dlcourse.sandbox.record import Effects, Usage


@dataclass
class Witness:
    """Sees one call: its `effects` if it is to be observed, its `usage` as well if watched.

    Both are there once the call has ended, however it ended.
    """

    files: Collection[str] = ()
    observed: bool = False
    watched: bool = False
    effects: Effects | None = None
    usage: Usage | None = None

    def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Call `function` and return its result; whatever it raises passes through."""
        if not (self.observed or self.watched):
            return function(*arguments, **keywords)
        before, lens = Before(arguments, keywords), Lens(self.files)
        result = None
        try:
            with lens.open() if self.watched else nullcontext():
                result = function(*arguments, **keywords)
            return result
        finally:
            self.effects = before.effects(result)
            if self.watched:
                # A graph may hang on an argument that was edited in place.
                outputs = crossing([result, arguments, keywords])
                self.usage = lens.usage(saved_bytes(outputs, before.storages()))
