"""One forbidden thing that was found, and the sentence that tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dlcourse.sandbox.faults import Place

Way = Literal["call", "operation", "source"]


@dataclass(frozen=True)
class Finding:
    """Something forbidden.

    `name` is what is forbidden, or what could hide that if `hides`. `way` is how it was found: in a
    `call` or an `operation` that the worker claims to have seen, or in the `source`, which the
    grader read itself. `seen` is the name that it was found under, `place` the line of graded code.
    `instead` is what to do about it.
    """

    name: str
    way: Way
    seen: str
    place: Place
    instead: str = ""
    hides: bool = False

    @property
    def is_claim(self) -> bool:
        """Whether it rests on what graded code's own process says."""
        return self.way != "source"

    @property
    def sentence(self) -> str:
        """What the learner reads."""
        where = f"line {self.place.line} of `{self.place.file}`"
        if self.hides:
            remedy = self.instead or "leave it out"
            return f"`{self.name}` could hide a forbidden call, and {where} uses it: {remedy}."
        spelled = "" if self.seen == self.name else f" as `{self.seen}`"
        done = {
            "call": f"calls it{spelled}",
            "operation": f"runs its operator `{self.seen}`",
            "source": f"names it{spelled}",
        }[self.way]
        remedy = self.instead or "do without it"
        return f"`{self.name}` is forbidden here, and {where} {done}: {remedy}."
