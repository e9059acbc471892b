"""The clocks of one worker, and waiting for its answers under them."""

from __future__ import annotations

import os
import select
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from dlcourse.sandbox.clock import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.sandbox.output import Tail

Clock = Literal["cpu", "wall"]

# More than the worker may use costs no more than a few extra glances at the clock.
_PROCESSORS: Final = os.cpu_count() or 1
_GLANCE_SECONDS: Final = 0.01  # no clock is looked at more often than this
_WALL_FACTOR: Final = 5.0  # a generous backstop for a machine that is busy with other work


@dataclass(frozen=True)
class Budget:
    """How long the worker may take from now on: CPU seconds, and a wall-clock backstop."""

    cpu: float

    @property
    def wall(self) -> float:
        """Seconds that the grader waits in all for a worker that does not compute."""
        return self.cpu * _WALL_FACTOR


class OutOfTime(Exception):  # noqa: N818 - a signal to the caller, which makes it a fault
    """Raised inside a wait, to leave it; `clock` ran out first."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.clock: Clock = clock


class Watch:
    """Watches one worker's clocks, and keeps its pipes empty while the grader waits.

    The CPU clock runs whenever the worker computes, the wall clock only inside `waiting`: the
    time that a suite takes for itself is not the worker's.
    """

    def __init__(self, pid: int, *tails: Tail) -> None:
        self._pid = pid
        self._tails: dict[int, Tail] = {}
        self._poll = select.poll()
        for tail in tails:
            number = tail.fileno()
            if number is not None:
                self._tails[number] = tail
                self._poll.register(number, select.POLLIN)
        self._cpu_seen = 0.0
        self.begin(Budget(10.0))

    def begin(self, budget: Budget) -> None:
        """Start both clocks anew."""
        self.budget = budget
        self._cpu_start = self._cpu_now()
        self._waited = 0.0
        self._waiting_since: float | None = None

    def settle(self, cpu: float) -> None:
        """Take over the CPU seconds of the worker's whole life, now that it has ended."""
        self._cpu_seen = max(self._cpu_seen, cpu)

    @property
    def cpu_spent(self) -> float:
        """CPU seconds since `begin`; the last that was seen once the worker is gone."""
        return self._cpu_now() - self._cpu_start

    def _cpu_now(self) -> float:
        self._cpu_seen = max(self._cpu_seen, cpu_seconds(self._pid) or 0.0)
        return self._cpu_seen

    @property
    def _wall_spent(self) -> float:
        running = 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since
        return self._waited + running

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let the wall clock run for one exchange with the worker."""
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waited = self._wall_spent
            self._waiting_since = None

    def wait(self, fd: int, events: int) -> None:
        """Return once `fd` is ready for `events`; raises OutOfTime."""
        self._poll.register(fd, events)
        while True:
            ready = [number for number, _ in self._poll.poll(1000 * self._patience())]
            for number in self._tails.keys() & ready:
                self._tails[number].drain()
            self._forget_closed()
            if fd in ready:
                return

    def _forget_closed(self) -> None:
        """Watch no number of a closed pipe: it may soon stand for something else."""
        for number in [number for number, tail in self._tails.items() if tail.fileno() is None]:
            self._poll.unregister(number)
            del self._tails[number]

    def _patience(self) -> float:
        """Seconds until a clock has to be looked at again; raises OutOfTime.

        CPU time can run at most as fast as there are processors, so the next glance is due when
        the rest could have been spent at the earliest.
        """
        cpu_left = self.budget.cpu - self.cpu_spent
        if cpu_left <= 0:
            raise OutOfTime("cpu")
        wall_left = self.budget.wall - self._wall_spent
        if wall_left <= 0:
            raise OutOfTime("wall")
        return max(_GLANCE_SECONDS, min(cpu_left / _PROCESSORS, wall_left))
