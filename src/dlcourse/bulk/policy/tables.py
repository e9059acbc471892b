"""What `class.toml` says, as written."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from dlcourse.course.tables import Table
from dlcourse.course.values import refusal

Counts: TypeAlias = Literal["best", "last", "first"]

_UNITS: Final = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_PIECE: Final = re.compile(rf"([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?) ?({'|'.join(_UNITS)})s?")
_LENGTH: Final = re.compile(rf"{_PIECE.pattern}(?:,? {_PIECE.pattern})*")
_LONGEST: Final = timedelta(days=3660)


def _duration(value: Any) -> timedelta:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not _LENGTH.fullmatch(text):
        raise refusal("is no length of time", 'write it like "15 minutes" or "1 day 12 hours"')
    pieces = _PIECE.findall(text)
    seconds = sum(float(number) * _UNITS[unit].total_seconds() for number, unit in pieces)
    if seconds > _LONGEST.total_seconds():
        raise refusal("is longer than ten years", "choose a shorter time")
    return timedelta(seconds=seconds)


def _moment(value: Any) -> datetime:
    example = "write it like `2026-11-30T23:59:00+01:00`"
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return value
    if isinstance(value, datetime):
        raise refusal("has no time zone, so it is another moment in each of them", example)
    if isinstance(value, date):
        raise refusal("is a day without a time and a time zone", example)
    if isinstance(value, time):
        raise refusal("is a time without a day and a time zone", example)
    raise refusal("is no moment", f"{example}, without quotes")


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_duration)]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(_moment)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class LateTable(Table):
    """`[late]`: what late work loses.

    Each `per` that has begun after the due time and `grace` costs the share `penalty` of the score,
    all together `at_most`. After `cutoff`, counted from the due time, the score is 0.
    """

    per: Literal["day", "hour"] = "day"
    penalty: Share
    at_most: Share = 1.0
    grace: Duration = timedelta()
    cutoff: Duration | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.cutoff is not None and self.cutoff < self.grace:
            raise refusal("has a `cutoff` before its `grace` ends", "choose a later `cutoff`")
        return self


class LatePart(Table):
    """`[days.DAY.late]`: what differs from `[late]` on one day."""

    per: Literal["day", "hour"] = "day"
    penalty: Share = 0.0
    at_most: Share = 1.0
    grace: Duration = timedelta()
    cutoff: Duration | None = None


class DayTable(Table):
    """`[days.DAY]`: what differs on one day."""

    counts: Counts | None = None
    late: LatePart | None = None


class ClassTable(Table):
    """`class.toml`."""

    counts: Counts = "best"
    late: LateTable | None = None
    due: dict[str, Moment] = Field(default_factory=dict)
    days: dict[str, DayTable] = Field(default_factory=dict)
