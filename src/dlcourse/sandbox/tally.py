"""Counts of names, bounded however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.sandbox.record import MAX_NAME, MAX_NAMES, Sight

if TYPE_CHECKING:
    from dlcourse.sandbox.faults import Place


class Tally:
    """Counts names, each with the first line known to lead there, and stops at `MAX_NAMES`."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._places: dict[str, Place] = {}
        self.full = False

    def add(self, name: str, place: Place | None) -> None:
        """Count a name once more; `full` tells that one had no room."""
        name = name[:MAX_NAME]
        if name not in self._counts and len(self._counts) >= MAX_NAMES:
            self.full = True
            return
        self._counts[name] = self._counts.get(name, 0) + 1
        if place is not None:
            self._places.setdefault(name, place)

    def knows_line_of(self, name: str) -> bool:
        """Whether a line is known that led to a name."""
        return name[:MAX_NAME] in self._places

    def sights(self) -> dict[str, Sight]:
        """Every name with its count and its line."""
        return {name: Sight(count, self._places.get(name)) for name, count in self._counts.items()}
