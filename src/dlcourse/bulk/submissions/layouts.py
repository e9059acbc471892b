"""What every layout is made of: what lies at the top, and what a layout reads from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

from dlcourse.bulk.submissions.contents import Part
from dlcourse.bulk.submissions.naming import is_junk

if TYPE_CHECKING:
    from dlcourse.bulk.submissions.submission import Submission
    from dlcourse.bulk.submissions.tree import Child, Tree

# What an instructor keeps beside the submissions.
_BESIDE: Final = re.compile(
    r"(readme.*|licen[cs]e.*|\..*|.*\.(csv|db|html|json|log|md|pdf|sqlite3?|toml|txt|xlsx|ya?ml))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Top:
    """What lies at the top of a class's tree; `where` leads to it from what was typed."""

    tree: Tree
    children: tuple[Child, ...]
    where: PurePosixPath = field(default_factory=PurePosixPath)

    @property
    def work(self) -> tuple[Child, ...]:
        """What may be a student's: neither junk nor what an instructor keeps beside."""
        return tuple(
            child
            for child in self.children
            if not is_junk(child.name)
            and not child.name.startswith(".")
            and (child.kind == "folder" or not _BESIDE.fullmatch(child.name))
        )

    def origin(self, name: str) -> str:
        """Return the path of something at the top, relative to what was typed."""
        return str(self.where / name)

    def part(self, child: Child, *, at: str = "") -> Part:
        """Return a folder or a file at the top as a part of a submission, which appears at `at`."""
        place = PurePosixPath(at)
        if child.kind == "folder":
            return Part(self.tree.below(child.name), None, place)
        odd = child.kind == "odd"
        return Part(self.tree, PurePosixPath(child.name), place, self.origin(child.name), odd)


@dataclass
class Reading:
    """What a layout made of the top: submissions, and what is none with the reason."""

    submissions: list[Submission] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)


class Layout(Protocol):
    """A way in which submissions are collected."""

    def fits(self, top: Top) -> str | None:
        """Return a phrase on why the names at the top are of this layout; None if they are not."""

    def read(self, top: Top) -> Reading:
        """Return the submissions.

        Raises:
            UsageError: what the layout needs besides them is missing or damaged.
        """


def is_archive(name: str) -> bool:
    """Whether a file of this name is taken for a zip archive."""
    return PurePosixPath(name).suffix.lower() == ".zip"


def is_zip(child: Child) -> bool:
    """Whether something at the top is taken for a zip archive, readable or not."""
    return child.kind != "folder" and is_archive(child.name)


def ignored_reason(child: Child) -> str:
    """Return why something at the top that no layout took is no submission."""
    if is_junk(child.name):
        return "left behind by a program"
    if child.kind == "folder" and child.name.startswith("."):
        return "a hidden folder"
    if child.kind == "folder":
        return "a folder that no student's submission is named like"
    if child.kind == "odd":
        return "neither a file nor a folder"
    return "a file beside the submissions"


def most(matching: int, total: int) -> bool:
    """Whether what matches outweighs what does not."""
    return matching > 0 and 2 * matching >= total
