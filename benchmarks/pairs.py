"""Interleaved pairs: A B A B …, so that a machine whose speed drifts is fair to both."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Pair:
    """Medians of two things measured in turn, in seconds, and the median of their ratios."""

    ours: float
    theirs: float
    ratio: float


def measure(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> Pair:
    """Time both in turn, after one unmeasured round; `ratio` is theirs over ours."""
    ours()
    theirs()
    rows = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    return Pair(
        ours=statistics.median(row[0] for row in rows),
        theirs=statistics.median(row[1] for row in rows),
        ratio=statistics.median(row[1] / row[0] for row in rows),
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
