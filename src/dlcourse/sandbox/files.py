"""Opens a submission's files: regular ones, beneath its folder, following no link.

A link, a FIFO or a device where a file should be would make the grader read a secret or wait for
ever; so each folder on the way is opened by itself, without following, and nothing blocks.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path, PurePosixPath
from typing import Final

MAX_SOURCE: Final = 256 << 10
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Unreadable(Exception):
    """A submission's file that is missing or refused; the message is for the learner."""


def read_source(root: Path, relative: PurePosixPath) -> str:
    """Return the text of `relative` beneath the folder `root`; raises Unreadable.

    `root` itself is the grader's own choice and may be reached through links.
    """
    data = _read(root, relative)
    try:
        # A byte-order mark, as Windows editors write one, is no part of the source.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"`{relative}` is not UTF-8 text (line {line}): save it as UTF-8 and check it again"
        ) from None


def _read(root: Path, relative: PurePosixPath) -> bytes:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for depth, name in enumerate(relative.parts[:-1], start=1):
            below = _open(name, _FOLDER, folder, PurePosixPath(*relative.parts[:depth]))
            os.close(folder)
            folder = below
        return _read_regular(_open(relative.name, _FILE, folder, relative), relative)
    finally:
        os.close(folder)


def _open(name: str, flags: int, folder: int, shown: PurePosixPath) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        raise Unreadable(f"`{shown}` does not exist") from None
    except OSError as error:
        # A link that is not followed: ELOOP for a file, ENOTDIR for a folder.
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
            raise Unreadable(_not_regular(name, folder, shown)) from None
        raise Unreadable(f"`{shown}` cannot be opened: {error.strerror}") from None


def _not_regular(name: str, folder: int, shown: PurePosixPath) -> str:
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    return _refusal(mode, shown)


def _refusal(mode: int, shown: PurePosixPath) -> str:
    kinds = (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    kind = next((name for test, name in kinds if test(mode)), "no folder")
    return f"`{shown}` is {kind}: put the file itself in its place, the grader follows no links"


def _read_regular(fd: int, shown: PurePosixPath) -> bytes:
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise Unreadable(_refusal(mode, shown))
        data = bytearray()
        while len(data) <= MAX_SOURCE:
            chunk = os.read(fd, MAX_SOURCE + 1 - len(data))
            if not chunk:
                return bytes(data)
            data += chunk
    finally:
        os.close(fd)
    raise Unreadable(f"`{shown}` is larger than {MAX_SOURCE >> 10} KiB: hand in source code only")
