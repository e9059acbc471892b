"""What the worker saw around one call of graded code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Observation:
    """One call: its result and what it did besides.

    `arguments` and `keywords` hold the arguments as they are after the call. `aliases` pairs an
    output with an input that shares its memory; outputs and inputs are tensors, counted from 0
    and depth-first, positional arguments before keywords. `changed` names the global state that
    the call left different, such as "the default dtype". All of it is a claim of the worker, except
    that the grader checked its structure.
    """

    result: Any
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[tuple[int, int], ...] = ()
    changed: tuple[str, ...] = ()
