"""Opens a submission's files: regular ones, beneath its folder, following no link.

A link, a FIFO or a device where a file should be would make the grader read a secret or wait for
ever; so each folder on the way is opened by itself, without following, and nothing blocks.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePosixPath

MAX_SOURCE: Final = 256 << 10
_ROOT: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER: Final = _ROOT | os.O_NOFOLLOW
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# What opening says of a link (for a file, for a folder), and of a socket.
_WRONG_KIND: Final = frozenset({errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.ENXIO})
_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Unreadable(Exception):  # noqa: N818 - the submission's defect, not the program's
    """A submission's file that is missing or refused; the message is for the learner."""


def read_source(root: Path, relative: PurePosixPath) -> str:
    """Return the text of `relative` beneath the folder `root`; raises Unreadable.

    `root` itself is the grader's own choice and may be reached through links.
    """
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise Unreadable(f"`{relative}` does not lie in the submission: name a file inside it")
    try:
        data = _read(root, relative)
    except OSError as error:
        raise Unreadable(f"`{relative}` cannot be read: {error.strerror}") from None
    try:
        # A byte-order mark, as Windows editors write one, is no part of the source.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"`{relative}` is not UTF-8 text (line {line}): save it as UTF-8 and check it again"
        ) from None


def _read(root: Path, relative: PurePosixPath) -> bytes:
    folders = [*reversed(relative.parents)][1:]
    folder = os.open(root, _ROOT)
    try:
        for path in folders:
            below = _open(path, _FOLDER, folder)
            os.close(folder)
            folder = below
        with _opened(relative, folder) as fd:
            return _read_regular(fd, relative)
    finally:
        os.close(folder)


@contextmanager
def _opened(path: PurePosixPath, folder: int) -> Iterator[int]:
    fd = _open(path, _FILE, folder)
    try:
        yield fd
    finally:
        os.close(fd)


def _open(path: PurePosixPath, flags: int, folder: int) -> int:
    """Open the last part of `path` in its `folder`."""
    try:
        return os.open(path.name, flags, dir_fd=folder)
    except FileNotFoundError:
        raise Unreadable(
            f"`{path}` does not exist here: copy the stub to this place and fill it in"
        ) from None
    except OSError as error:
        if error.errno not in _WRONG_KIND:
            raise
        mode = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode
        raise Unreadable(_refusal(mode, path)) from None


def _refusal(mode: int, path: PurePosixPath) -> str:
    for is_kind, name in _KINDS:
        if is_kind(mode):
            return (
                f"`{path}` is {name}: put the real file in its place, since the grader opens "
                "plain files in plain folders only"
            )
    return f"`{path}` is a file: put a folder of this name in its place"


def _read_regular(fd: int, path: PurePosixPath) -> bytes:
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        raise Unreadable(_refusal(mode, path))
    data = bytearray()
    while len(data) <= MAX_SOURCE:
        chunk = os.read(fd, MAX_SOURCE + 1 - len(data))
        if not chunk:
            return bytes(data)
        data += chunk
    raise Unreadable(f"`{path}` is larger than {MAX_SOURCE >> 10} KiB: hand in source code only")
