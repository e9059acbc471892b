"""What runs below this process, and how much memory it takes."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_T = TypeVar("_T")

_PROC: Final = Path("/proc")
_ANONYMOUS: Final = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)
_SAMPLE_SECONDS: Final = 0.05
_SETTLING_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Process:
    """A process: its number, its parent's, the tick it was born at, its name."""

    pid: int
    parent: int
    born: int
    name: str

    @property
    def identity(self) -> tuple[int, int]:
        """What no later process can have as well."""
        return self.pid, self.born

    @property
    def threads(self) -> int:
        """How many threads it has; 0 once it is gone."""
        return _count(_PROC / str(self.pid) / "task")

    @property
    def descriptors(self) -> int:
        """How many files it holds open; 0 where this user cannot see."""
        return _count(_PROC / str(self.pid) / "fd")

    @property
    def memory(self) -> int:
        """Bytes of its own memory that are in use; 0 once it is gone."""
        try:
            found = _ANONYMOUS.search((_PROC / str(self.pid) / "status").read_text())
        except OSError:
            return 0
        return int(found[1]) << 10 if found else 0


def _count(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except OSError:
        return 0


def _numbers() -> set[int]:
    return {int(name) for name in os.listdir(_PROC) if name.isdigit()}  # noqa: PTH208 - often called


def _processes(numbers: Iterable[int]) -> Iterator[Process]:
    for pid in numbers:
        # It may end between the listing and the reading.
        with contextlib.suppress(OSError):
            head, _, rest = (_PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")
            fields = rest.split()
            yield Process(pid, int(fields[1]), int(fields[19]), head.split("(", 1)[1])


def descendants(ancestor: int) -> dict[int, Process]:
    """Every process below `ancestor`, by number."""
    return _below(ancestor, _processes(_numbers()))


def _below(ancestor: int, processes: Iterable[Process]) -> dict[int, Process]:
    children: dict[int, list[Process]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    waiting = [ancestor]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found[child.pid] = child
            waiting.append(child.pid)
    return found


@dataclass
class Household:
    """The processes below this one that stay while attacks come and go.

    `adopts` says that orphans become children of this process, which then has to let them go.
    """

    adopts: bool = False
    members: dict[int, Process] = field(default_factory=dict)
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def settle(self) -> None:
        """Take everything that runs now for what is to stay."""
        self.members = descendants(os.getpid())
        self.counts = {pid: _counts(process) for pid, process in self.members.items()}

    def strangers(self, patience: float = _SETTLING_SECONDS) -> list[Process]:
        """What runs besides, once it has had `patience` seconds to end."""
        return _lasting(self._strangers, patience)

    def _strangers(self) -> list[Process]:
        known = {process.identity for process in self.members.values()}
        found = descendants(os.getpid()).values()
        strangers = [process for process in found if process.identity not in known]
        if self.adopts:
            _reap(strangers)
        return strangers

    def missing(self) -> list[Process]:
        """What has ended."""
        present = {process.identity for process in descendants(os.getpid()).values()}
        return [each for each in self.members.values() if each.identity not in present]

    def changes(self, patience: float = _SETTLING_SECONDS) -> list[str]:
        """Which members still hold more or less than when they settled after `patience` seconds."""
        return _lasting(self._changes, patience)

    def _changes(self) -> list[str]:
        return [
            f"{pid} ({process.name}): {before} became {now}"
            for pid, process in self.members.items()
            if (now := _counts(process)) != (before := self.counts[pid])
        ]


def _lasting(look: Callable[[], list[_T]], patience: float) -> list[_T]:
    """What `look` finds, as soon as that is nothing, or else after `patience` seconds."""
    end = time.monotonic() + patience
    while (found := look()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


def _reap(processes: list[Process]) -> None:
    """Let those go that have ended and that nobody but this process waits for."""
    for process in processes:
        if process.parent == os.getpid():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def _counts(process: Process) -> tuple[int, int]:
    return process.threads, process.descriptors


class MemorySampler(threading.Thread):
    """Watches the largest memory of a grader with its forks, and of a single worker.

    `settled` are the processes that stay; of the others, those are the grader's forks whose nearest
    settled ancestor is the `grader`, and all else are workers.
    """

    def __init__(self, ancestor: int, grader: int, settled: frozenset[int]) -> None:
        super().__init__(daemon=True)
        self._ancestor = ancestor
        self._grader = grader
        self._settled = settled
        self._known: dict[int, Process] = {}
        self._ended = threading.Event()
        self.peaks = {"grader": 0, "worker": 0}

    def run(self) -> None:
        """Look again and again, until told to end."""
        while not self._ended.wait(_SAMPLE_SECONDS):
            found = _below(self._ancestor, self._present())
            for process in found.values():
                kind = self._kind(process, found)
                self.peaks[kind] = max(self.peaks[kind], process.memory)

    def _present(self) -> Iterable[Process]:
        """Everything that runs; only what is new is looked at, since looking takes time."""
        numbers = _numbers()
        known = {pid: process for pid, process in self._known.items() if pid in numbers}
        fresh = {process.pid: process for process in _processes(numbers - known.keys())}
        self._known = known | fresh
        return self._known.values()

    def _kind(self, process: Process, found: dict[int, Process]) -> str:
        near: Process | None = process
        while near is not None and near.pid not in self._settled:
            near = found.get(near.parent)
        return "grader" if near in {process, found.get(self._grader)} else "worker"

    def end(self) -> dict[str, int]:
        """Stop looking; returns the peaks in bytes."""
        self._ended.set()
        self.join()
        return self.peaks
