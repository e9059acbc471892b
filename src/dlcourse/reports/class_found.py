"""What was found of a class: the layout, and what fits nobody or is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.reports.class_summary import write_list
from dlcourse.reports.page import Line, Span
from dlcourse.reports.wording import counted

if TYPE_CHECKING:
    from dlcourse.bulk.submissions import Entry, Found, Matched, Submission
    from dlcourse.reports.page import Page


def write_found(page: Page, found: Found, matched: Matched | None) -> None:
    """Write how many submissions there are, in which layout and why that was taken."""
    students = len({submission.student for submission in found.submissions})
    sentence = (
        f"{counted(len(found.submissions), 'submission')} of {counted(students, 'student')}, "
        f"layout {found.layout}: {found.reason}."
    )
    page.write(Line((Span(sentence),)))
    if matched is not None:
        known = f"{len(matched.pairs):,} match the roster, {len(matched.unknown):,} do not."
        page.write(Line((Span(known),)))


def write_left_over(page: Page, found: Found, matched: Matched | None) -> None:
    """Write what a person has to look at: submissions of nobody, students without one, and more."""
    if matched is not None:
        unknown = [_of_nobody(submission) for submission in matched.unknown]
        write_list(page, "Not graded, as they match nobody on the roster:", unknown)
        shared = [f"{entry.student}: {', '.join(names)}" for entry, names in matched.shared]
        write_list(page, "Several names match one student, so one may be another's:", shared)
        write_list(page, "Nothing handed in by:", [_named(entry) for entry in matched.missing])
    ignored = [f"{path}: {reason}" for path, reason in found.ignored]
    write_list(page, "Left aside:", ignored)


def _of_nobody(submission: Submission) -> str:
    said = [text for text in (submission.name, submission.email) if text]
    return f"{submission.student} ({', '.join([submission.origin, *said])})"


def _named(entry: Entry) -> str:
    return f"{entry.student} ({entry.name})" if entry.name else entry.student
