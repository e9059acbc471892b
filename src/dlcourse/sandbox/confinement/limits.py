"""Layer `limits`: how much memory, time and kernel objects a worker may use."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlcourse.sandbox.confinement.layer import Layer, attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_REAL_USER_AND_THREADS = re.compile(rb"^Uid:\t(\d+).*?^Threads:\t(\d+)", re.MULTILINE | re.DOTALL)
_PENDING_SIGNALS = 256


@dataclass(frozen=True)
class Limits:
    """A worker's allowance; memory is what it may use beyond its own size when it is confined."""

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 30
    descriptors: int = 64
    threads: int = 64
    file_bytes: int = 0


def apply(limits: Limits, private_user: int) -> Layer:
    """Set each limit for ever; the layer is active only if memory and time are bounded.

    Threads are counted by user, so root takes the real user id `private_user`.
    """
    return attempt("limits", lambda: _set(limits, private_user))


def _set(limits: Limits, private_user: int) -> str:
    for name, most in _counts(limits):
        # Not every system knows every limit.
        if hasattr(resource, f"RLIMIT_{name}"):
            _bound(getattr(resource, f"RLIMIT_{name}"), most)
    _bound(resource.RLIMIT_AS, _own_size() + limits.memory_bytes)
    threads = _bound_threads(limits.threads, private_user)
    memory = f"{limits.memory_bytes >> 20} MiB beyond its own size"
    return f"{memory}, {limits.cpu_seconds} s of CPU, {limits.descriptors} descriptors, {threads}"


def _counts(limits: Limits) -> Iterator[tuple[str, int]]:
    """Yield the limits that are plain numbers."""
    yield "CPU", limits.cpu_seconds
    yield "NOFILE", limits.descriptors
    yield "FSIZE", limits.file_bytes
    # The kernel counts these for all processes of a user together, so one worker could starve
    # the others and the grader.
    yield "SIGPENDING", _PENDING_SIGNALS
    yield from (("MEMLOCK", 0), ("MSGQUEUE", 0))
    yield from (("CORE", 0), ("NICE", 0), ("RTPRIO", 0))


def _bound(kind: int, most: int) -> None:
    """Lower a limit, soft and hard alike, so that graded code cannot raise it again."""
    _, hard = resource.getrlimit(kind)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, bound))


def _own_size() -> int:
    status = _PROC / "self/statm"
    if not status.exists():
        raise OSError(errno.ENOSYS, "no `/proc`, so memory and threads have no limit")
    return int(status.read_text().split()[0]) * resource.getpagesize()


def _bound_threads(most: int, private_user: int) -> str:
    """Limit the threads beyond those that the worker's user has at this moment."""
    try:
        others = _count_as(private_user) if os.geteuid() == 0 else _threads_of(os.getuid())
    except OSError:
        return "threads without limit, since it runs as root and cannot change its user"
    _bound(resource.RLIMIT_NPROC, others + most)
    return f"{most} threads"


def _count_as(user: int) -> int:
    """Take a real user id that nobody else has, and return its other threads: none.

    Threads are counted by the real user, and root's are without limit. Files are opened by the
    effective user, which stays root for now.
    """
    os.setresuid(user, -1, -1)
    return 0


def _threads_of(user: int) -> int:
    """Count the threads of every process whose real user is `user`."""
    found = filter(None, map(_REAL_USER_AND_THREADS.search, _statuses()))
    return sum(int(threads) for owner, threads in map(re.Match.groups, found) if int(owner) == user)


def _statuses() -> Iterator[bytes]:
    # Owner and mode of a folder in `/proc` say nothing of a process that cannot be dumped.
    for process in _PROC.iterdir():
        # A process may end between the listing and the reading; other entries have no status.
        with contextlib.suppress(OSError):
            yield (process / "status").read_bytes()
