"""The calls that change what is mounted where, as functions that raise `OSError`."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from dlcourse.sandbox.confinement import linux

if TYPE_CHECKING:
    from pathlib import Path

_MS_NOSUID = 1 << 1
_MS_NODEV = 1 << 2
_MS_NOEXEC = 1 << 3
_MS_BIND = 1 << 12
_MS_REC = 1 << 14
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
# struct mount_attr: what to set, what to clear, propagation, user namespace. Since Linux 5.12.
_ATTRIBUTES = struct.Struct("=QQQQ")
READ_ONLY = 1 << 0
NO_SUID = 1 << 1
NO_DEVICES = 1 << 2
NO_PROGRAMS = 1 << 3


def make_private() -> None:
    """Let no later mount of this namespace show in the one that it was copied from."""
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE, None)


def bind(source: Path | str, target: Path | str) -> None:
    """Show `source`, with all that is mounted beneath it, at `target` too."""
    _mount(source, target, None, _MS_BIND | _MS_REC, None)


def mount_memory(target: Path | str, options: str) -> None:
    """Mount an empty file system that lives in memory."""
    _mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, options)


def mount_processes(target: Path | str) -> None:
    """Mount the `/proc` of this process's own namespace, without other users' processes."""
    _mount("proc", target, "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "hidepid=2")


def restrict(target: Path | str, attributes: int, *, below: bool = True) -> None:
    """Take rights from a mount, and from those `below` it: READ_ONLY and the like."""
    words = _ATTRIBUTES.pack(attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if below else 0
    linux.call("mount_setattr", _AT_FDCWD, os.fsencode(target), flags, words, len(words))


def exchange_root(new: Path | str, old: Path | str) -> None:
    """Make `new` the root, with what was the root at `old`, a folder beneath `new`."""
    linux.call("pivot_root", os.fsencode(new), os.fsencode(old))


def drop_root() -> None:
    """Make the current folder, a mount, the root, and let go of what was the root."""
    # The old root comes to lie over the new one, where "." finds it (pivot_root(2), NOTES).
    linux.call("pivot_root", b".", b".")
    linux.call("umount2", b".", _MNT_DETACH)
    os.chdir("/")


def detach(target: Path | str) -> None:
    """Unmount, at once for the eye, and in fact when nothing uses it any more."""
    linux.call("umount2", os.fsencode(target), _MNT_DETACH)


def _mount(
    source: Path | str | None, target: Path | str, kind: str | None, flags: int, options: str | None
) -> None:
    words = (source, target, kind)
    encoded = [None if word is None else os.fsencode(word) for word in words]
    linux.call("mount", *encoded, flags, None if options is None else options.encode())
