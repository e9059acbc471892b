"""What the worker saw around one call of graded code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dlcourse.sandbox.record import Effects, Key


@dataclass(frozen=True)
class Observation:
    """One call: its result and what it did besides.

    `arguments` and `keywords` hold the arguments as they are after the call; `mutated`, `aliases`
    and `changed` are those of `record.Effects`. All of it is a claim of the worker, except that
    the grader checked its structure.
    """

    result: Any
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    mutated: tuple[tuple[Key, str], ...] = ()
    aliases: tuple[tuple[int, Key], ...] = ()
    changed: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        result: Any,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        effects: Effects,
    ) -> Self:
        """One call and what it left behind."""
        return cls(
            result=result,
            arguments=arguments,
            keywords=dict(keywords),
            mutated=effects.mutated,
            aliases=effects.aliases,
            changed=effects.changed,
        )
