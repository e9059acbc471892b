"""One call with everything that it left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcourse.sandbox.observation import Observation
from dlcourse.sandbox.record import Effects
from dlcourse.sandbox.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def observe(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    witness: Witness | None = None,
) -> Observation:
    """Call `function` and report the arguments as they are afterwards, aliases and global state."""
    witness = witness or Witness()
    witness.observed = True
    result = witness.call(function, arguments, keywords)
    return Observation.of(result, arguments, keywords, witness.effects or Effects())
