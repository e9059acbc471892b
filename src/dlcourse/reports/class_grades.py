"""The grades of a class as a table, and what each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.reports.page import Line, Span
from dlcourse.reports.wording import percentage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlcourse.bulk.grades import StudentGrades
    from dlcourse.bulk.policy import ExerciseGrade
    from dlcourse.reports.page import Page

_GAP = 2


def write_grades(page: Page, rows: Sequence[StudentGrades], *, why: bool) -> None:
    """Write a row for each student: exercises, then days, in percent; `-` while there is none."""
    cells = [_cells(row) for row in rows]
    if not cells:
        page.write(Line((Span("No students yet."),)))
        return
    heads = ["student", *rows[0].exercises, *rows[0].days]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    page.write_whole(Line((Span(_row(heads, widths), "dim"),)))
    for row, values in zip(rows, cells, strict=True):
        page.write_whole(Line((Span(_row(values, widths)),)))
        for sentence in _reasons(row) if why else ():
            page.write(Line((Span(sentence, "dim"),), indent=2))


def _cells(row: StudentGrades) -> list[str]:
    shares = [*(grade.score for grade in row.exercises.values()), *row.days.values()]
    return [row.student.key, *map(_share, shares)]


def _row(values: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(values, widths, strict=True)
    numbers = "".join(value.rjust(width + _GAP) for value, width in rest)
    return first[0].ljust(first[1]) + numbers


def _reasons(row: StudentGrades) -> Iterator[str]:
    for name, grade in row.exercises.items():
        yield f"{name}: {', '.join(_parts(grade))}"


def _parts(grade: ExerciseGrade) -> Iterator[str]:
    yield str(grade.state)
    if grade.reason:
        yield grade.reason
    if grade.penalty:
        yield f"{percentage(grade.penalty)} off for being late"
    for change in grade.adjustments:
        yield f"changed by {change.author} ({change.reason})"
    yield from grade.notes


def _share(score: float | None) -> str:
    return "-" if score is None else percentage(score)
