"""Layer `namespaces`: processes, mounts, network and names apart from the rest of the machine.

The fork server enters them once, before it has threads; its workers are forked inside. Whether a
machine allows it is found by trying in a process that is thrown away, since a half-made entry
cannot be taken back.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dlcourse.sandbox.confinement import linux
from dlcourse.sandbox.confinement.descriptors import close_descriptors
from dlcourse.sandbox.confinement.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = "namespaces"
_PR_SET_PDEATHSIG = 1
_NEW_USER = 0x10000000
_KINDS = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
_INNER_USER = 1000  # what root is inside, where it has no right to do without a user namespace


@dataclass(frozen=True)
class Namespaces:
    """Where this process lives: its own namespaces, or the machine's if the layer is inactive.

    `outer_pid` tells servers apart that all have the same number in their own namespaces.
    """

    layer: Layer
    outer_pid: int

    @classmethod
    def enter(cls, rehearsal: Callable[[], object]) -> Namespaces:
        """Go on in new namespaces, as their first process; all others there end with it.

        `rehearsal` is what has to succeed inside, besides the entry itself: it is run where it
        leaves no trace, and an `OSError` of it is the reason to stay outside.
        """
        outer = os.getpid()
        try:
            reason = _rehearse(rehearsal)
        except OSError as error:
            reason = f"no process to try it in: {error.strerror}"
        if reason:
            return cls(Layer(_NAME, active=False, detail=reason), outer)
        return cls(Layer(_NAME, active=True, detail=_enter()), outer)

    @classmethod
    def none(cls, reason: str) -> Namespaces:
        """Stay in those of the machine."""
        return cls(Layer(_NAME, active=False, detail=reason), os.getpid())


def _rehearse(rehearsal: Callable[[], object]) -> str:
    """Enter and go through `rehearsal` in a process of its own; returns why it failed, if so."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        _report(rehearsal, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as answer:
        words = answer.read()
    os.waitpid(pid, 0)
    return words.decode() if words != b"ok" else ""


def _report(rehearsal: Callable[[], object], answer: int) -> NoReturn:
    """Be the process that tries: write `ok` or the reason, and end."""
    words = "the process that tried ended early"
    try:
        _enter()
        rehearsal()
        words = "ok"
    except OSError as error:
        words = error.strerror or str(error)
    finally:
        os.write(answer, words.encode())
        os._exit(0)


def _enter() -> str:
    """Enter; returns which namespaces they are. A process with threads cannot (EINVAL)."""
    kinds = list(_KINDS)
    if not _unshare_as_root():
        _unshare_as_user()
        kinds.insert(0, "user")
    _become_first()
    linux.call("sethostname", b"worker", len(b"worker"))
    return ", ".join(kinds)


def _unshare_as_root() -> bool:
    """Whether this process may make namespaces without becoming another user."""
    if os.geteuid() != 0:
        return False
    try:
        linux.call("unshare", sum(_KINDS.values()))
    except PermissionError:  # root of a container, for one
        return False
    return True


def _unshare_as_user() -> None:
    user, group = os.geteuid(), os.getegid()
    linux.call("unshare", sum(_KINDS.values()) | _NEW_USER)
    # An ordinary user may map groups only once nobody inside can drop one (user_namespaces(7)).
    with suppress(FileNotFoundError):
        Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user or _INNER_USER} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group or _INNER_USER} {group} 1")


def _become_first() -> None:
    """Fork into the new pid namespace: the child goes on, the parent only stands for it."""
    pid = os.fork()
    if pid:
        _stand_for(pid)
    # In here the parent has no number to compare with; a server whose parent is gone already is
    # told so by its control socket.
    linux.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _stand_for(pid: int) -> NoReturn:
    """Be what the process was known as outside: end when it ends, and let it end with this."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: os.kill(pid, signal.SIGKILL))
    close_descriptors(())
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
