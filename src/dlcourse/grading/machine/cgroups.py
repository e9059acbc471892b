"""What a container or a service is limited to, below what the machine has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


_OLD_MEMORY: Final = "memory.limit_in_bytes"
_LINE: Final = re.compile(r"\d+:[^:]*:/.*")


@dataclass(frozen=True)
class Groups:
    """The control groups of this process, of either version, as the kernel lists them."""

    listing: Path = Path("/proc/self/cgroup")
    root: Path = Path("/sys/fs/cgroup")

    def memory(self) -> int | None:
        """Return the lowest limit in bytes on the way up; None where there is none."""
        limits = [*self._numbers("", "memory.max"), *self._numbers("memory", _OLD_MEMORY)]
        return min((limit for limit, *_ in limits), default=None)

    def processors(self) -> float | None:
        """Return the lowest share of processors on the way up; None where there is none."""
        shares = [
            quota / period
            for quota, period, *_ in (*self._numbers("", "cpu.max"), *self._old_shares())
            if period
        ]
        return min(shares, default=None)

    def _old_shares(self) -> Iterator[list[int]]:
        for quota, period in zip(
            self._numbers("cpu", "cpu.cfs_quota_us"),
            self._numbers("cpu", "cpu.cfs_period_us"),
            strict=False,
        ):
            if quota[0] > 0:  # -1: no limit
                yield [*quota, *period]

    def _numbers(self, controller: str, file: str) -> Iterator[list[int]]:
        """Yield the numbers in `file` of each group, from the process's own up to the root."""
        for folder in self._folders(controller):
            try:
                yield [int(word) for word in (folder / file).read_text().split()]
            except (OSError, ValueError):  # not there, or `max`
                continue

    def _folders(self, controller: str) -> Iterator[Path]:
        for line in self._lines():
            controllers, path = line.split(":", 2)[1:]
            if controller in controllers.split(","):
                # A container sees its own group as the root, under whatever path it is listed.
                top = self.root / controller
                inner = top / path.lstrip("/")
                yield from (place for place in (inner, *inner.parents) if place.is_relative_to(top))

    def _lines(self) -> list[str]:
        try:
            return [line for line in self.listing.read_text().splitlines() if _LINE.fullmatch(line)]
        except OSError:  # another system than Linux
            return []
