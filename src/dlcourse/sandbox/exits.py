"""How a worker's process ended."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from typing import Final, Self

OWN_FAILURE: Final = 97
"""The exit code of a worker whose own part failed, which only graded code can bring about."""

# The kernel counts a process's limit in ticks, the exit in nanoseconds: on a busy virtual machine
# a limit of 2 s was met after 1.76 s.
_CPU_SLACK: Final = 0.75
_CRASHES: Final = {
    signal.SIGABRT: "an abort inside a library",
    signal.SIGBUS: "a bus error",
    signal.SIGFPE: "an arithmetic fault",
    signal.SIGILL: "an illegal instruction",
    signal.SIGSEGV: "a segmentation fault",
}


@dataclass(frozen=True)
class Exit:
    """A process's wait status and the CPU seconds of its whole life."""

    status: int
    cpu: float

    @classmethod
    def of(cls, message: bytes) -> Self:
        """Read what the fork server tells."""
        told = json.loads(message)
        return cls(status=told["status"], cpu=told["cpu"])

    def met_cpu_limit(self, limit: int) -> bool:
        """Whether the kernel ended the process because it had used `limit` CPU seconds."""
        return self._signal == signal.SIGKILL and self.cpu >= _CPU_SLACK * limit

    @property
    def sentence(self) -> str:
        """The end in words."""
        number = self._signal
        if number is None:
            return self._exit_sentence()
        if number == signal.SIGKILL:
            return "the process was killed: by itself, or because the machine ran out of memory"
        if number in _CRASHES:
            return f"the process crashed: {_CRASHES[signal.Signals(number)]}"
        return f"the process ended by {_name_of(number)}"

    @property
    def _signal(self) -> int | None:
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else None

    def _exit_sentence(self) -> str:
        code = os.waitstatus_to_exitcode(self.status)
        if code == OWN_FAILURE:
            return "the process can no longer answer: graded code broke what it runs on"
        return f"the process exited with code {code} before answering"


def _name_of(number: int) -> str:
    """A signal's name; most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
