"""When the last commit of a clone was made, by its maker's clock.

A clone is hostile input like any other: its configuration may name programs, its files may be
links and pipes. So `git` never sees it, no repository is opened, and of `.git` just what leads from
HEAD to one commit is read as plain, bounded files. Wherever that is unusual there is no time.
"""

from __future__ import annotations

import re
import zlib
from contextlib import closing, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import PurePosixPath
from struct import error as StructError  # noqa: N812 - it is an exception
from typing import TYPE_CHECKING, Final

from dulwich.errors import ChecksumMismatch, ObjectFormatException
from dulwich.object_format import SHA1
from dulwich.objects import Commit, ObjectID
from dulwich.pack import load_pack_index_file

from dlcourse.bulk.submissions.bounds import MAX_GIT_OBJECT, MAX_PACK_INDEX, MAX_PACKS
from dlcourse.bulk.submissions.tree import Tree, read_bounded
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_GIT: Final = ".git"
_SHA: Final = re.compile(rb"[0-9a-f]{40}")
_REFERENCE: Final = re.compile(r"refs/heads/(?:[\w+@=-][\w+@=.-]*/)*[\w+@=-][\w+@=.-]*", re.ASCII)
_COMMIT: Final = 1
_MAX_HEADER: Final = 16
# What dulwich raises on an index or a commit that is damaged.
_DAMAGED: Final = (
    AssertionError,
    AttributeError,
    ChecksumMismatch,
    IndexError,
    KeyError,
    ObjectFormatException,
    OSError,
    OverflowError,
    StructError,
    TypeError,
    ValueError,
)


def is_clone(tree: Tree) -> bool:
    """Whether `.git` at the top of a tree is a real folder."""
    with suppress(Unreadable):
        return any(child.name == _GIT and child.kind == "folder" for child in tree.top())
    return False


def last_commit(tree: Tree) -> datetime | None:
    """Return when the commit of HEAD was made, in UTC; None where nothing plain tells it."""
    if not is_clone(tree):
        return None
    git = tree.below(_GIT)
    sha = _head(git)
    if sha is None:
        return None
    raw = _loose(git, sha) or next(_packed(git, sha), None)
    return _commit_time(raw, sha) if raw else None


def _commit_time(raw: bytes, sha: bytes) -> datetime | None:
    try:
        # Its name follows from its kind, length and content, and so proves all three.
        commit = Commit.from_raw_string(_COMMIT, raw)
        if not isinstance(commit, Commit) or commit.id != sha:
            return None
        return datetime.fromtimestamp(commit.commit_time, tz=UTC)
    except _DAMAGED:
        return None


def _head(git: Tree) -> bytes | None:
    """Return the name of the commit that HEAD leads to, in hexadecimal."""
    head = _content(git, "HEAD", MAX_GIT_OBJECT).strip()
    if _SHA.fullmatch(head):
        return head
    reference = head.removeprefix(b"ref: ").decode("ascii", "replace")
    if not _REFERENCE.fullmatch(reference):
        return None
    loose = _content(git, reference, MAX_GIT_OBJECT).strip()
    if _SHA.fullmatch(loose):
        return loose
    return _packed_reference(_content(git, "packed-refs", MAX_GIT_OBJECT), reference)


def _packed_reference(text: bytes, reference: str) -> bytes | None:
    for line in text.splitlines():
        sha, _, name = line.partition(b" ")
        if name == reference.encode() and _SHA.fullmatch(sha):
            return sha
    return None


def _content(git: Tree, path: str, limit: int) -> bytes:
    """Return a file's content; nothing if it cannot be read."""
    with suppress(Unreadable):
        return read_bounded(git, PurePosixPath(path), limit)
    return b""


def _loose(git: Tree, sha: bytes) -> bytes | None:
    """Return a commit that lies in a file of its own."""
    name = sha.decode()
    data = _inflated(_content(git, f"objects/{name[:2]}/{name[2:]}", MAX_GIT_OBJECT))
    return data.partition(b"\0")[2] or None


def _packed(git: Tree, sha: bytes) -> Iterator[bytes]:
    """Yield a commit from the packs that hold it whole; as a difference to another it is rare."""
    folder = git.below("objects").below("pack")
    with suppress(Unreadable):
        names = [child.name for child in folder.top() if child.name.endswith(".idx")]
        for name in names[:MAX_PACKS]:
            offset = _offset(_content(folder, name, MAX_PACK_INDEX), sha)
            if offset is not None:
                raw = _at(folder, PurePosixPath(name).with_suffix(".pack"), offset)
                if raw is not None:
                    yield raw


def _offset(index: bytes, sha: bytes) -> int | None:
    """Return where a pack holds an object, as its index tells."""
    if not index:
        return None
    try:
        with closing(load_pack_index_file("", BytesIO(index), SHA1)) as opened:
            return int(opened.object_offset(ObjectID(sha)))
    except _DAMAGED:
        return None


def _at(folder: Tree, pack: PurePosixPath, offset: int) -> bytes | None:
    """Return the commit at `offset` of a pack; None if something else is there."""
    try:
        with folder.opened(pack) as file:
            file.seek(offset)
            data = file.read(_MAX_HEADER + MAX_GIT_OBJECT)
    except (OSError, OverflowError, Unreadable, ValueError):
        return None
    for place, byte in enumerate(data[:_MAX_HEADER]):
        # Kind and size come first; the highest bit of a byte says that another one follows.
        if byte < 0x80:  # noqa: PLR2004 - the highest bit, as a number
            return _inflated(data[place + 1 :]) if data[0] >> 4 & 7 == _COMMIT else None
    return None


def _inflated(data: bytes) -> bytes:
    """Return what zlib data begin with, at most a mebibyte; nothing if they are damaged."""
    try:
        return zlib.decompressobj().decompress(data, MAX_GIT_OBJECT)
    except zlib.error:
        return b""
