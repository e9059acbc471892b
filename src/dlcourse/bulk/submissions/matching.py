"""Submissions of a class matched with its roster, and what is left over on either side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlcourse.bulk.submissions.roster import Entry, Roster
    from dlcourse.bulk.submissions.submission import Found, Submission


@dataclass(frozen=True)
class Matched:
    """Who handed in what.

    `pairs` are the submissions whose student is known, `unknown` those that match nobody, or a
    name that several have, and `missing` the students without a submission. `shared` are the
    students whom submissions of different names match, with these names: one may be another's.
    """

    pairs: tuple[tuple[Submission, Entry], ...]
    unknown: tuple[Submission, ...]
    missing: tuple[Entry, ...]
    shared: tuple[tuple[Entry, tuple[str, ...]], ...]


def match_all(found: Found, roster: Roster) -> Matched:
    """Return the submissions in their order with their students, and what is left over."""
    matches = [(submission, roster.match(submission)) for submission in found.submissions]
    pairs = [(submission, entry) for submission, entry in matches if entry is not None]
    names: dict[str, list[str]] = {}
    for submission, entry in pairs:
        called = names.setdefault(entry.student, [])
        if submission.student not in called:
            called.append(submission.student)
    return Matched(
        pairs=tuple(pairs),
        unknown=tuple(submission for submission, entry in matches if entry is None),
        missing=tuple(entry for entry in roster.entries if entry.student not in names),
        shared=tuple(
            (entry, tuple(names[entry.student]))
            for entry in roster.entries
            if len(names.get(entry.student, ())) > 1
        ),
    )
