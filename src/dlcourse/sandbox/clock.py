"""The CPU clock of another process, and whether it is running or asleep."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

_SCHEDULED: Final = 2  # CPUCLOCK_SCHED: user and system time, at the scheduler's precision


def cpu_seconds(pid: int) -> float | None:
    """CPU seconds that process `pid` has used, all threads together; None once it is gone.

    The clock's number is the one that clock_getcpuclockid(3) computes. Nothing that the process
    does can stop it.
    """
    # A pidfd gives -1 for a process that is gone, and the formula would name our own clock.
    if pid <= 0:
        return None
    try:
        return time.clock_gettime((~pid << 3) | _SCHEDULED)
    except OSError:
        return None


def is_runnable(pid: int) -> bool:
    """Whether any thread of `pid` wants a processor now (else all sleep, or it is gone)."""
    try:
        return any(_state(stat) == "R" for stat in Path(f"/proc/{pid}/task").glob("*/stat"))
    except OSError:
        return False


def _state(stat: Path) -> str:
    """The letter for a thread's state; nothing for a thread that has just ended."""
    try:
        # The name before the state may hold anything, so the last parenthesis counts.
        return stat.read_text(errors="replace").rpartition(")")[2].lstrip()[:1]
    except OSError:
        return ""
