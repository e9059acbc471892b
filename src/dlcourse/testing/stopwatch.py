"""A bound on what a test computes in this process, whatever answers make it do."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class TooLong(BaseException):
    """A test has computed here for too long: no suite, and no solution, catches it by chance."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooLong in the main thread once the block has used `seconds` of processor time.

    It is raised again after as many more, for Python drops what is raised in a `__del__`. One long
    call that is no Python code is not interrupted.
    """

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TooLong(f"more than {seconds:g} s of processor time")

    previous = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
