"""Which entries of an archive are taken, and in what words the others are refused."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from dlcourse.bulk.submissions.bounds import (
    MAX_ARCHIVE,
    MAX_ENTRY_DEPTH,
    MAX_NAME,
    MAX_PATH,
)
from dlcourse.bulk.submissions.naming import folded, is_junk, shown_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlcourse.bulk.submissions.zip_directory import Record

STORED: Final = 0
DEFLATED: Final = 8
# Encrypted, a patch to another file, strongly encrypted, and encrypted names.
_CLOSED: Final = 1 << 0 | 1 << 5 | 1 << 6 | 1 << 13
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_DRIVE: Final = re.compile("[A-Za-z]:")
_KINDS: Final = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass
class Entries:
    """The entries of an archive: files by path, folders, and what is refused.

    `refused` holds the path of each refused entry as far as it has one, and what is wrong with it,
    to follow the entry's name in a sentence.
    """

    files: dict[PurePosixPath, Record] = field(default_factory=dict)
    folders: set[PurePosixPath] = field(default_factory=set)
    refused: list[tuple[PurePosixPath, str]] = field(default_factory=list)


def sorted_out(records: Iterable[Record]) -> Entries:
    """Return the entries of an archive, checked one by one and against each other."""
    entries = Entries()
    for record in records:
        name = record.name.replace("\\", "/")  # some programs on Windows separate so
        path = PurePosixPath(name)
        problem = _name_problem(name, path)
        if problem is None and any(is_junk(part) for part in path.parts):
            continue
        is_folder = name.endswith("/") or stat.S_ISDIR(record.mode)
        if problem is None and len(path.parts) > MAX_ENTRY_DEPTH:
            problem = "lies too deep"
        problem = problem or _content_problem(record, is_folder=is_folder)
        if problem is not None:
            entries.refused.append((path, problem))
        elif is_folder:
            entries.folders.add(path)
        elif path in entries.files:
            entries.refused.append((path, "is there twice"))
        else:
            entries.files[path] = record
    _check_names(entries)
    return entries


def leads_out(path: PurePosixPath) -> bool:
    """Whether a path names a place outside the archive, on this machine or on Windows."""
    return path.is_absolute() or ".." in path.parts or bool(_DRIVE.match(str(path)))


def check_size(entries: Entries) -> str | None:
    """Return what is wrong with an archive that would unpack to too much, else None."""
    total = sum(record.size for record in entries.files.values())
    if total <= MAX_ARCHIVE:
        return None
    largest = max(entries.files, key=lambda path: entries.files[path].size)
    return (
        f"would unpack to {total >> 20:,} MiB, more than {MAX_ARCHIVE >> 20}:"
        f" its entry `{shown_name(largest)}` is the largest"
    )


def _name_problem(name: str, path: PurePosixPath) -> str | None:
    if not path.parts or not name:
        return "has no name"
    if _CONTROL.search(name):
        return "has control characters in its name"
    if leads_out(path):
        return "leads out of the archive"
    return _length_problem(path)


def _length_problem(path: PurePosixPath) -> str | None:
    try:
        raw = str(path).encode()
    except UnicodeEncodeError:
        return "has a name that is not the UTF-8 that it claims to be"
    if len(raw) > MAX_PATH or any(len(part) > MAX_NAME for part in raw.split(b"/")):
        return "has too long a name"
    return None


def _content_problem(record: Record, *, is_folder: bool) -> str | None:
    kind = _KINDS.get(stat.S_IFMT(record.mode))
    if kind is not None:
        return f"is {kind}"
    if is_folder:
        return "is a folder with content" if record.size else None
    if record.flags & _CLOSED:
        return "is encrypted"
    if record.method not in {STORED, DEFLATED}:
        return f"is compressed by a method that is not read here (number {record.method})"
    if record.method == STORED and record.packed != record.size:
        return "is not as long as it says"
    return None


def _check_names(entries: Entries) -> None:
    """Refuse files that are one on some machines, and files that are also folders."""
    above = {parent for path in entries.files for parent in path.parents}
    folders = {folded(str(path)): path for path in above | entries.folders}
    seen: dict[str, PurePosixPath] = {}
    for path in list(entries.files):
        key = folded(str(path))
        other = seen.setdefault(key, path)
        if other is not path:
            problem = f"and `{shown_name(other)}` are one name on many machines"
        elif key in folders:
            problem = "is both a file and a folder"
        else:
            continue
        entries.refused.append((path, problem))
        del entries.files[path]
