"""The end of a class's grading: what each exercise came to, and what needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dlcourse.bulk.run import Step
from dlcourse.reports.page import Line, Span
from dlcourse.reports.wording import counted, percentage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dlcourse.bulk.tally import ExerciseTally, Tally
    from dlcourse.reports.page import Page

_COLUMNS: Final = (("judged", 8), ("mean", 7), ("full", 6), ("unread", 8), ("broken", 8))
_MOST: Final = 20  # names in a list; the rest is counted


def write_class_summary(page: Page, tally: Tally) -> None:
    """Write a row for each exercise, and how much was graded and how much was there."""
    page.blank()
    if tally.exercises:
        width = max(len("exercise"), *map(len, tally.exercises)) + 2
        heads = "".join(name.rjust(room) for name, room in _COLUMNS)
        page.write_whole(Line((Span(f"{'exercise'.ljust(width)}{heads}", "dim"),)))
        for name, one in tally.exercises.items():
            page.write_whole(Line((Span(name.ljust(width), "bold"), Span(_cells(one)))))
        page.blank()
    for sentence in _sentences(tally):
        page.write(Line((Span(sentence),)))


def write_list(page: Page, heading: str, rows: Sequence[str]) -> None:
    """Write a heading with its rows beneath, the first twenty of them; nothing without rows."""
    if not rows:
        return
    page.blank()
    page.write(Line((Span(heading, "bold yellow"),)))
    for row in _bounded(rows):
        page.write(Line((Span(row),), indent=2))


def _cells(one: ExerciseTally) -> str:
    mean = "-" if one.mean is None else percentage(one.mean)
    values: Iterable[object] = (one.judged, mean, one.full, one.unread or "", one.broken or "")
    pairs = zip(values, _COLUMNS, strict=True)
    return "".join(str(value).rjust(room) for value, (_, room) in pairs)


def _sentences(tally: Tally) -> Iterator[str]:
    graded, kept = tally.steps[Step.GRADED], tally.steps[Step.KEPT]
    outdated = tally.steps[Step.OUTDATED]
    yield f"{counted(graded, 'file')} graded, {kept:,} as the gradebook had them."
    if outdated:
        yield (
            f"{counted(outdated, 'result')} of other versions of suite, solution or programs are "
            "left as they are: add `--regrade` to see what would change."
        )


def _bounded(rows: Sequence[str]) -> Iterator[str]:
    yield from rows[:_MOST]
    if len(rows) > _MOST:
        yield f"and {len(rows) - _MOST:,} more"
