"""A tree of files that somebody handed in: a folder on disk, or an archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from dlcourse.bulk.submissions.naming import shown_name
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import PurePosixPath


@dataclass(frozen=True)
class Child:
    """What lies at the top of a tree; `odd` is neither a file nor a folder, or was refused."""

    name: str
    kind: Literal["file", "folder", "odd"]


@dataclass
class Listing:
    """Everything beneath a tree's root, but for what tools left behind.

    `files` are regular; `odd` says in a sentence why something that is there cannot be read.
    """

    files: list[PurePosixPath] = field(default_factory=list)
    odd: dict[PurePosixPath, str] = field(default_factory=dict)


class Tree(Protocol):
    """Files by relative path; no link is followed, nothing blocks, nothing is written."""

    def top(self) -> tuple[Child, ...]:
        """Return what lies directly at the root, sorted by name; raises Unreadable."""

    def below(self, name: str) -> Tree:
        """Return the tree whose root is the folder `name` at the top of this one."""

    def listing(self) -> Listing:
        """Return what lies beneath the root, at any depth; raises Unreadable."""

    def opened(self, path: PurePosixPath) -> AbstractContextManager[BinaryIO]:
        """Open a regular file for reading; raises Unreadable."""


def read_bounded(tree: Tree, path: PurePosixPath, limit: int) -> bytes:
    """Return the content of a file of at most `limit` bytes; raises Unreadable."""
    try:
        with tree.opened(path) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"`{shown_name(path)}` cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise Unreadable(too_large(path, limit))
    return data


def too_large(path: PurePosixPath, limit: int) -> str:
    """Return the sentence that refuses a file of more than `limit` bytes."""
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
    return f"`{shown_name(path)}` is larger than {size}: hand in source code only"
