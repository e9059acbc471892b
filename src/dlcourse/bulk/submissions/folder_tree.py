"""A tree that is a folder on disk.

Each folder on the way is opened by itself, without following links, and nothing blocks: see
`dlcourse.sandbox.files`, whose rules these are.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from dlcourse.bulk.submissions.bounds import MAX_CLASS_ENTRIES, MAX_DEPTH, MAX_LOOKED_AT
from dlcourse.bulk.submissions.naming import is_junk, shown_name
from dlcourse.bulk.submissions.tree import Child, Listing
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER: Final = _ROOT | os.O_NOFOLLOW
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_HERE: Final = PurePosixPath()
# What opening says of a link (for a file, for a folder), of a socket and of a device without one.
_WRONG_KIND: Final = frozenset(
    {errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.ENXIO, errno.ENODEV}
)
_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class FolderTree:
    """The folder `beneath`, under `root`; only `root`, which was typed, may be reached by links."""

    def __init__(self, root: Path, beneath: PurePosixPath = _HERE) -> None:
        self._root = root
        self._beneath = beneath

    def top(self) -> tuple[Child, ...]:
        """Return what lies directly in the folder, sorted by name; raises Unreadable."""
        with self._folder(_HERE) as folder, os.scandir(folder) as entries:
            found = []
            for entry in entries:
                found.append(Child(entry.name, _kind(entry)))
                if len(found) > MAX_CLASS_ENTRIES:
                    raise Unreadable(_too_many(self._shown(_HERE), MAX_CLASS_ENTRIES))
        return tuple(sorted(found, key=lambda child: os.fsencode(child.name)))

    def below(self, name: str) -> FolderTree:
        """Return the tree whose root is the folder `name` in this one."""
        return FolderTree(self._root, self._beneath / name)

    def listing(self) -> Listing:
        """Return what lies beneath the folder, up to 12 levels deep.

        Raises:
            Unreadable: the folder cannot be opened, or holds more than 20,000 entries.
        """
        listing = Listing()
        with self._folder(_HERE) as folder:
            self._list(folder, PurePosixPath(), listing, MAX_LOOKED_AT)
        return listing

    @contextmanager
    def opened(self, path: PurePosixPath) -> Iterator[BinaryIO]:
        """Open a regular file; raises Unreadable for anything else."""
        with self._folder(path.parent) as folder:
            fd = self._open(path, _FILE, folder)
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            os.close(fd)
            raise Unreadable(self._refusal(path, mode))
        with os.fdopen(fd, "rb") as file:
            yield file

    @contextmanager
    def _folder(self, path: PurePosixPath) -> Iterator[int]:
        """Open a folder beneath this one, step by step."""
        fd = self._open_root()
        try:
            below = PurePosixPath()
            for part in self._beneath.parts + path.parts:
                below /= part
                inner = self._open(below, _FOLDER, fd, _HERE)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    def _open_root(self) -> int:
        try:
            return os.open(self._root, _ROOT)
        except OSError as error:
            shown = shown_name(self._root)
            raise Unreadable(f"`{shown}` cannot be opened: {error.strerror}") from None

    def _open(
        self, path: PurePosixPath, flags: int, folder: int, above: PurePosixPath | None = None
    ) -> int:
        """Open the last part of `path` in its `folder`; `above` leads to `path` in messages."""
        shown = shown_name((self._beneath if above is None else above) / path)
        try:
            return os.open(path.name, flags, dir_fd=folder)
        except FileNotFoundError:
            raise Unreadable(f"`{shown}` is gone: somebody removed or renamed it") from None
        except OSError as error:
            if error.errno not in _WRONG_KIND:
                raise Unreadable(f"`{shown}` cannot be opened: {error.strerror}") from None
        raise Unreadable(_sentence(shown, _mode(path.name, folder)))

    def _list(self, folder: int, path: PurePosixPath, listing: Listing, room: int) -> int:
        """Add what lies in the open `folder`; return for how many entries there is room still."""
        entries = self._entries(folder, path, room)
        room -= len(entries)
        for entry in entries:
            below = path / entry.name
            if entry.is_dir(follow_symlinks=False):
                room = self._enter(folder, below, listing, room)
            elif entry.is_file(follow_symlinks=False):
                listing.files.append(below)
            else:
                mode = entry.stat(follow_symlinks=False).st_mode
                listing.odd[below] = self._refusal(below, mode)
        return room

    def _entries(self, folder: int, path: PurePosixPath, room: int) -> list[os.DirEntry[str]]:
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_junk(entry.name):
                    continue
                found.append(entry)
                if len(found) > room:
                    raise Unreadable(_too_many(self._shown(path), MAX_LOOKED_AT))
        # `entry.stat` needs the descriptor, which the caller keeps open.
        return sorted(found, key=lambda entry: os.fsencode(entry.name))

    def _enter(self, folder: int, path: PurePosixPath, listing: Listing, room: int) -> int:
        if len(path.parts) > MAX_DEPTH:
            listing.odd[path] = f"`{self._shown(path)}` lies too deep: nothing in it is read"
            return room
        try:
            fd = self._open(path, _FOLDER, folder)
        except Unreadable as unreadable:
            listing.odd[path] = str(unreadable)
            return room
        try:
            return self._list(fd, path, listing, room)
        finally:
            os.close(fd)

    def _shown(self, path: PurePosixPath) -> str:
        return shown_name(self._beneath / path)

    def _refusal(self, path: PurePosixPath, mode: int) -> str:
        return _sentence(self._shown(path), mode)


def _mode(name: str, folder: int) -> int:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError:  # it changed while it was looked at
        return 0


def _kind(entry: os.DirEntry[str]) -> Literal["file", "folder", "odd"]:
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "odd"


def _sentence(shown: str, mode: int) -> str:
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no folder")
    return f"`{shown}` is {kind}: only plain files in plain folders are read"


def _too_many(shown: str, bound: int) -> str:
    where = f"`{shown}` holds" if shown != "." else "the folder holds"
    return f"{where} more than {bound:,} entries: hand in source code only"
