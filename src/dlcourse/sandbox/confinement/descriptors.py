"""Descriptors: what a worker inherits is exactly what it is given."""

from __future__ import annotations

import contextlib
import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from dlcourse.sandbox.confinement import linux

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_BEYOND = 1 << 31  # one more than the highest descriptor there can be


def close_descriptors(keep: Collection[int]) -> None:
    """Close every descriptor of this process but those in `keep`."""
    try:
        for first, last in _gaps(keep):
            linux.call("close_range", first, last, 0)
    except OSError:
        _close_listed(keep)


def _gaps(keep: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield the closed ranges of numbers between the descriptors to keep."""
    for below, above in pairwise([-1, *sorted(set(keep)), _BEYOND]):
        if above - below > 1:
            yield below + 1, above - 1


def _close_listed(keep: Collection[int]) -> None:
    """Close one by one, for kernels before 5.9 and for other systems."""
    listed = [int(entry.name) for entry in Path("/dev/fd").iterdir()]
    for descriptor in set(listed).difference(keep):
        # The listing's own descriptor is gone by now.
        with contextlib.suppress(OSError):
            os.close(descriptor)
