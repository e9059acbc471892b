"""The few drawn characters of a terminal report, and their stand-ins where only ASCII prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dlcourse.grading.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Glyphs:
    """A mark for each outcome and claim, the two halves of a bar, a margin and a dash."""

    marks: Mapping[Outcome, str]
    claim: str
    filled: str
    unfilled: str
    margin: str
    none: str

    def bar(self, share: float, width: int) -> tuple[str, str]:
        """Return the filled and the unfilled part of a bar of `width` characters.

        It is full only at a `share` of 1, and empty only at 0.
        """
        filled = max(int(share * width + 1e-9), 1) if share else 0
        return self.filled * filled, self.unfilled * (width - filled)


_DRAWN: Final = Glyphs(
    marks={
        Outcome.PASSED: "✓",
        Outcome.FAILED: "✗",
        Outcome.ERROR: "!",
        Outcome.SKIPPED: "-",
        Outcome.BROKEN: "?",
    },
    claim="°",
    filled="━",
    unfilled="─",
    margin="│",
    none="–",  # noqa: RUF001 - a dash is meant, as wide as a digit
)
_ASCII: Final = Glyphs(
    marks={**_DRAWN.marks, Outcome.PASSED: "+", Outcome.FAILED: "x"},
    claim="*",
    filled="#",
    unfilled=".",
    margin="|",
    none="-",
)


def glyphs_for(encoding: str) -> Glyphs:
    """Return the drawn characters if `encoding` holds them all, else the stand-ins."""
    drawn = "".join([*_DRAWN.marks.values(), _DRAWN.claim, _DRAWN.filled, _DRAWN.unfilled])
    try:
        (drawn + _DRAWN.margin + _DRAWN.none).encode(encoding)
    except UnicodeEncodeError:
        return _ASCII
    return _DRAWN
