"""An export of submissions from Gradescope: numbered folders, and metadata that say whose."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dlcourse.bulk.submissions.bounds import MAX_METADATA
from dlcourse.bulk.submissions.layouts import Reading, Top, ignored_reason, is_zip
from dlcourse.bulk.submissions.metadata import FILE, Handed, Submitter, read_metadata
from dlcourse.bulk.submissions.submission import Submission
from dlcourse.bulk.submissions.tree import read_bounded
from dlcourse.errors import UsageError
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    from dlcourse.bulk.submissions.tree import Child


class Gradescope:
    """The layout `gradescope`; a group's submission belongs to each of its submitters."""

    def fits(self, top: Top) -> str | None:
        """Return the reason if the metadata are there."""
        return f"there is `{FILE}`" if any(child.name == FILE for child in top.children) else None

    def read(self, top: Top) -> Reading:
        """Return a submission for each submitter of each folder.

        Raises:
            UsageError: the metadata are missing or damaged.
        """
        told = {handed.folder: handed for handed in read_metadata(_metadata(top))}
        reading = Reading()
        for child in top.children:
            if child.name in told:
                reading.submissions += _submissions(top, child, told.pop(child.name))
            elif child.kind == "folder" and child.name.startswith("submission_"):
                reading.submissions.append(_submission(top, child, None, None))
            else:
                reason = "the metadata" if child.name == FILE else ignored_reason(child)
                reading.ignored.append((top.origin(child.name), reason))
        reading.ignored += [
            (top.origin(name), "in the metadata, but not among the folders") for name in told
        ]
        return reading


def _metadata(top: Top) -> bytes:
    try:
        return read_bounded(top.tree, PurePosixPath(FILE), MAX_METADATA)
    except Unreadable as unreadable:
        raise UsageError(
            f"{unreadable}: the layout `gradescope` needs Gradescope's own `{FILE}` at the top"
        ) from None


def _submissions(top: Top, child: Child, handed: Handed) -> list[Submission]:
    people = handed.submitters or (None,)
    return [_submission(top, child, handed, person) for person in people]


def _submission(
    top: Top, child: Child, handed: Handed | None, person: Submitter | None
) -> Submission:
    known = (person.sid, person.email, person.name) if person else ()
    aliases = tuple(text for text in known if text)
    folder = PurePosixPath(child.name).stem if is_zip(child) else child.name
    return Submission(
        student=aliases[0] if aliases else folder,
        origin=top.origin(child.name),
        layout="gradescope",
        parts=(top.part(child),),
        name=person.name if person else None,
        email=person.email if person else None,
        submitted_at=handed.created_at if handed else None,
        aliases=aliases,
    )
