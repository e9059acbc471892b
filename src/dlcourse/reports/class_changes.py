"""What new results would change, per student and test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.reports.page import Line, Span
from dlcourse.reports.wording import counted, percentage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlcourse.bulk.regrade import Change, TestChange
    from dlcourse.reports.page import Page


def write_changes(page: Page, changes: Iterable[Change]) -> None:
    """Write each change that a student would feel, then how many there are of either kind."""
    felt = unfelt = 0
    for change in changes:
        if not change.is_felt:
            unfelt += 1
            continue
        felt += 1
        if felt == 1:
            page.blank()
        _write(page, change)
    page.blank()
    page.write(
        Line((Span(f"{counted(felt, 'result')} would change, {unfelt:,} would stay the same."),))
    )


def _write(page: Page, change: Change) -> None:
    attempt = change.attempt
    scores = f"{_share(change.before)} -> {_share(change.after)}"
    head = (Span(attempt.student, "bold"), Span(f"  {attempt.exercise}  {scores}"))
    page.write_whole(Line(head))
    for test in change.tests:
        page.write_whole(Line((Span(_told(test)),), indent=2))


def _told(test: TestChange) -> str:
    before, after = test.before or "not there", test.after or "not there"
    return f"{test.test}: {before} -> {after}"


def _share(score: float | None) -> str:
    return "nothing counts" if score is None else percentage(score)
