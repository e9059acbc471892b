"""Numbers as words for a person."""

from __future__ import annotations

from typing import Final

# Half a digit off the next unit, so that nothing is rounded to "0 ms", "1000 ms" or "60.0 s".
_MILLISECOND: Final = 0.0005
_SECOND: Final = 0.9995
_MINUTE: Final = 59.95
_UNITS: Final = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "bytes": 1}
_WITHOUT_TENTHS: Final = 9.95


def counted(count: int, noun: str) -> str:
    """Return "1 test" or "3 tests"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def points(earned: float, of: float) -> str:
    """Return "1.5/2": what was won, of what there was to win."""
    return f"{earned:g}/{of:g}"


def percentage(score: float) -> str:
    """Return a score from 0 to 1 in whole percent, rounded down: only everything is 100 %."""
    # The sum of weighted scores may fall short of 1 by an error of rounding.
    return f"{int(score * 100 + 1e-9)} %"


def duration(seconds: float) -> str:
    """Return `seconds` in the unit that a person would choose."""
    if seconds < _SECOND:
        return f"{seconds * 1000:.0f} ms" if seconds >= _MILLISECOND else "<1 ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def amount(count: int) -> str:
    """Return a number of bytes in the unit that a person would choose: "24 GiB", "512 MiB"."""
    unit = next((unit for unit in _UNITS if count >= _UNITS[unit]), "bytes")
    share = count / _UNITS[unit]
    return f"{share:,.0f} {unit}" if share >= _WITHOUT_TENTHS else f"{share:.2g} {unit}"
