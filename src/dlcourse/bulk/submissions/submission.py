"""A submission, and what was found of a class."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from dlcourse.bulk.submissions.contents import Contents, Part, gathered
from dlcourse.bulk.submissions.naming import shown_name

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import PurePosixPath


@dataclass(frozen=True)
class Submission:
    """What one student handed in; it is looked into when it is first asked about.

    `student` is what the layout calls the student and `aliases` what else it calls them; `name`
    and `email` are None where the layout does not tell them. `origin` is where the submission lay,
    relative to the path that was typed. `submitted_at` is in UTC, None where nothing tells it; a
    clone's is by the student's own clock. `late` is None where the layout does not mark lateness.
    """

    student: str
    origin: str
    layout: str
    parts: tuple[Part, ...] = field(repr=False, compare=False)
    name: str | None = None
    email: str | None = None
    submitted_at: datetime | None = None
    late: bool | None = None
    aliases: tuple[str, ...] = ()

    @cached_property
    def contents(self) -> Contents:
        """The files, and what is wrong with the others."""
        return gathered(self.parts)

    @property
    def problem(self) -> str | None:
        """A sentence if nothing of the submission can be read, else None."""
        contents = self.contents
        if contents.files:
            return None
        sentences = [*contents.refused, *contents.odd.values()]
        return sentences[0] if sentences else f"`{shown_name(self.origin)}` holds no file"

    @property
    def refused(self) -> tuple[str, ...]:
        """A sentence for each archive, link or folder in the submission that is not read."""
        return (*self.contents.refused, *self.contents.odd.values())

    def paths(self) -> tuple[PurePosixPath, ...]:
        """Return the regular files, sorted; those in an archive lie beneath its name."""
        return tuple(sorted(self.contents.files))

    def read(self, path: PurePosixPath) -> bytes:
        """Return the content of a file.

        Raises:
            dlcourse.sandbox.files.Unreadable: it is larger than 256 KiB, a link, damaged or gone.
        """
        return self.contents.read(path)


@dataclass(frozen=True)
class Found:
    """The submissions of a class.

    `reason` says in a phrase why `layout` was taken. `ignored` holds the path and the reason for
    whatever lay there and is no submission.
    """

    layout: str
    reason: str
    submissions: tuple[Submission, ...]
    ignored: tuple[tuple[str, str], ...]
