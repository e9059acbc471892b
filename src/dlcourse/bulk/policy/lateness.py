"""How late work is, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dlcourse.bulk.policy.tables import LateTable

# Lengths of time, not pages of a calendar: where clocks change, a day still has 24 hours.
_LENGTHS: Final = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
_DIGITS: Final = 12  # 3 times 0.1 is 0.3: noise must not decide between two attempts


@dataclass(frozen=True)
class Lateness:
    """How long after the due time (`late`), how many days or hours of it cost, and how much.

    `penalty` is the share of the score that is lost; all of it after the cutoff (`cut`).
    """

    late: timedelta = timedelta()
    begun: int = 0
    penalty: float = 0.0
    cut: bool = False


def lateness(
    rules: LateTable | None, due: datetime | None, submitted_at: datetime | None
) -> Lateness:
    """Return how late something is. Without a due time, or a time at all, nothing is late."""
    if due is None or submitted_at is None:
        return Lateness()
    # Moments of one time zone would be compared by its clock, which may have been changed.
    late = max(submitted_at.astimezone(UTC) - due.astimezone(UTC), timedelta())
    if rules is None or late <= rules.grace:
        return Lateness(late)
    begun = -((rules.grace - late) // _LENGTHS[rules.per])
    if rules.cutoff is not None and late > rules.cutoff:
        return Lateness(late, begun, penalty=1.0, cut=True)
    penalty = min(round(begun * rules.penalty, _DIGITS), rules.at_most)
    return Lateness(late, begun, penalty)
