"""A tree that is a zip archive; entries are unpacked in memory, one at a time, never to disk."""

from __future__ import annotations

import io
import zlib
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, Final

from dlcourse.bulk.submissions.bounds import MAX_ARCHIVE, MAX_CLASS_ENTRIES, MAX_ENTRIES
from dlcourse.bulk.submissions.naming import shown_name
from dlcourse.bulk.submissions.tree import Child, Listing, too_large
from dlcourse.bulk.submissions.zip_directory import BadArchive, read_directory
from dlcourse.bulk.submissions.zip_entries import (
    DEFLATED,
    Entries,
    check_size,
    leads_out,
    sorted_out,
)
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import PurePosixPath

    from dlcourse.bulk.submissions.zip_directory import Record

    Opener = Callable[[], AbstractContextManager[BinaryIO]]

_CHUNK: Final = 64 << 10
_AGAIN: Final = "make it again from the plain files"


class ZipTree:
    """What an archive holds, or a folder in it; `shown` leads to it in messages."""

    def __init__(self, open_archive: Opener, entries: Entries, shown: str) -> None:
        self._open_archive = open_archive
        self._entries = entries
        self._shown = shown

    @property
    def strays(self) -> tuple[tuple[str, str], ...]:
        """The refused entries that lie in no folder of the archive: name and what is wrong."""
        return tuple(
            (str(path), problem) for path, problem in self._entries.refused if not _is_inside(path)
        )

    def top(self) -> tuple[Child, ...]:
        """Return what lies at the root, sorted by name."""
        folders = {path.parts[0] for path in self._entries.files if len(path.parts) > 1}
        folders |= {path.parts[0] for path in self._entries.folders}
        files = {path.parts[0] for path in self._entries.files if len(path.parts) == 1}
        inside = [path for path, _ in self._entries.refused if _is_inside(path)]
        folders |= {path.parts[0] for path in inside if len(path.parts) > 1}
        odd = {path.parts[0] for path in inside if len(path.parts) == 1} - folders - files
        found = [Child(name, "folder") for name in folders]
        found += [Child(name, "file") for name in files - folders]
        found += [Child(name, "odd") for name in odd]
        return tuple(sorted(found, key=lambda child: child.name.encode("utf-8", "replace")))

    def below(self, name: str) -> ZipTree:
        """Return the tree of a folder at the root."""
        entries = self._groups.get(name, Entries())
        return ZipTree(self._open_archive, entries, f"{self._shown}/{shown_name(name)}")

    def listing(self) -> Listing:
        """Return all files; raises Unreadable if an entry is refused."""
        for path, problem in self._entries.refused:
            raise Unreadable(_refusal(self._shown, f"its entry `{shown_name(path)}` {problem}"))
        if len(self._entries.files) > MAX_ENTRIES:
            raise Unreadable(
                f"`{self._shown}` holds more than {MAX_ENTRIES:,} entries: hand in source code only"
            )
        return Listing(files=sorted(self._entries.files))

    @contextmanager
    def opened(self, path: PurePosixPath) -> Iterator[BinaryIO]:
        """Open a file of at most 64 MiB; raises Unreadable if it is larger, refused or damaged."""
        record = self._entries.files.get(path)
        if record is None:
            raise Unreadable(self._missing(path))
        if record.size > MAX_ARCHIVE:
            raise Unreadable(too_large(path, MAX_ARCHIVE))
        with self._open_archive() as archive:
            data = _unpacked(archive, record)
        if data is None:
            raise Unreadable(_refusal(self._shown, f"its entry `{shown_name(path)}` is damaged"))
        yield io.BytesIO(data)

    @cached_property
    def _groups(self) -> dict[str, Entries]:
        """The entries by the folder at the root in which they lie, seen from there."""
        groups: dict[str, Entries] = {}
        for path, record in self._entries.files.items():
            if len(path.parts) > 1:
                group = groups.setdefault(path.parts[0], Entries())
                group.files[path.relative_to(path.parts[0])] = record
        for path in self._entries.folders:
            if len(path.parts) > 1:
                group = groups.setdefault(path.parts[0], Entries())
                group.folders.add(path.relative_to(path.parts[0]))
        for path, problem in self._entries.refused:
            if _is_inside(path) and len(path.parts) > 1:
                group = groups.setdefault(path.parts[0], Entries())
                group.refused.append((path.relative_to(path.parts[0]), problem))
        return groups

    def _missing(self, path: PurePosixPath) -> str:
        for refused, problem in self._entries.refused:
            if refused == path:
                return _refusal(self._shown, f"its entry `{shown_name(path)}` {problem}")
        return f"`{shown_name(path)}` is not in `{self._shown}`"


def open_zip(open_archive: Opener, shown: str) -> ZipTree:
    """Return the tree of a student's archive: one bad entry refuses all of it.

    Raises:
        Unreadable: the sentence names the archive and, where there is one, the entry.
    """
    tree = _open(open_archive, shown, MAX_ENTRIES)
    tree.listing()
    problem = check_size(tree._entries)  # noqa: SLF001 - this module's own class
    if problem is not None:
        raise Unreadable(_refusal(shown, f"it {problem}"))
    return tree


def open_class_zip(open_archive: Opener, shown: str) -> ZipTree:
    """Return the tree of a class's archive: a bad entry refuses the student's folder that it is in.

    Raises:
        Unreadable: the archive as a whole cannot be read.
    """
    return _open(open_archive, shown, MAX_CLASS_ENTRIES)


def _open(open_archive: Opener, shown: str, most: int) -> ZipTree:
    try:
        with open_archive() as archive:
            records = read_directory(archive, most)
    except BadArchive as problem:
        raise Unreadable(_refusal(shown, f"it {problem}")) from None
    except OSError as error:
        raise Unreadable(f"`{shown}` cannot be read: {error.strerror}") from None
    return ZipTree(open_archive, sorted_out(records), shown)


def _refusal(shown: str, why: str) -> str:
    return f"`{shown}` is refused, since {why}: {_AGAIN}"


def _is_inside(path: PurePosixPath) -> bool:
    return not leads_out(path) and bool(path.parts)


def _unpacked(archive: BinaryIO, record: Record) -> bytes | None:
    """Return an entry's content; None unless it is what the directory says, to the byte."""
    archive.seek(record.data)
    data = _inflated(archive, record) if record.method == DEFLATED else archive.read(record.size)
    if data is None or len(data) != record.size or zlib.crc32(data) != record.crc:
        return None
    return data


def _inflated(archive: BinaryIO, record: Record) -> bytes | None:
    """Return what the entry's bytes unpack to; never more than one byte beyond what it claims."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = bytearray()
    left = record.packed
    try:
        while not inflater.eof and len(unpacked) <= record.size:
            packed = inflater.unconsumed_tail or archive.read(min(left, _CHUNK))
            if not inflater.unconsumed_tail:
                left -= len(packed)
            if not packed:
                return None
            unpacked += inflater.decompress(packed, record.size + 1 - len(unpacked))
    except zlib.error:
        return None
    return None if left or inflater.unused_data else bytes(unpacked)
