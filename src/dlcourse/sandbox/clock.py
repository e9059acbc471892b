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
    try:
        return time.clock_gettime((~pid << 3) | _SCHEDULED)
    except OSError:
        return None


def is_runnable(pid: int) -> bool:
    """Whether any thread of `pid` wants a processor now (else all sleep)."""
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            # The name before the state may hold anything, so the last parenthesis counts.
            states.append(stat.read_text(errors="replace").rpartition(")")[2].split()[0])
        except (OSError, IndexError):
            continue
    return "R" in states
