"""An audit in a terminal: a row for each exercise as it is done, then what is to be mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dlcourse.reports.page import Line, Span
from dlcourse.reports.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlcourse.audit.model import AuditReport, ExerciseAudit, Finding
    from dlcourse.course import Exercise
    from dlcourse.reports.page import Page

_COLUMNS: Final = (
    ("tests", 6),
    ("right", 8),
    ("mistakes", 9),
    ("mutants", 9),
    ("trivial", 8),
    ("seconds", 8),
)
GATES: Final = {
    0: "the suite",
    1: "the stub",
    2: "right programs",
    3: "planted mistakes",
    4: "mutants",
    5: "trivial programs",
    6: "time",
    7: "form",
}


@dataclass
class AuditTable:
    """Writes rows as exercises are done."""

    page: Page
    width: int

    @classmethod
    def over(cls, page: Page, exercises: Sequence[Exercise]) -> AuditTable:
        """A table wide enough for the names of `exercises`."""
        names = [len(exercise.name) for exercise in exercises]
        table = cls(page, max([len("exercise"), *names]) + 2)
        if exercises:
            table._head()
        return table

    def _head(self) -> None:
        cells = "".join(name.rjust(width) for name, width in _COLUMNS)
        self.page.write_whole(Line((Span(f"{'exercise'.ljust(self.width)}{cells}", "dim"),)))

    def started(self, exercise: Exercise) -> None:
        """Say nothing: the row comes with the figures."""

    def finished(self, audit: ExerciseAudit) -> None:
        """Write the row of one exercise, and below it what is to be mended, a line each."""
        figures = audit.figures
        right = f"{1 + figures.variants}x{figures.seeds}"
        mutants = f"{figures.killed}/{figures.mutants}"
        values: tuple[object, ...] = (
            figures.tests,
            right,
            figures.mistakes,
            mutants,
            figures.trivial,
            f"{figures.seconds:.2f}",
        )
        cells = "".join(
            str(value).rjust(width) for value, (_, width) in zip(values, _COLUMNS, strict=True)
        )
        verdict = (
            Span("  green", "green")
            if audit.green
            else Span(f"  {counted(len(audit.findings), 'finding')}", "bold red")
        )
        name = Span(audit.exercise.ljust(self.width), "bold")
        self.page.write_whole(Line((name, Span(cells), verdict)))
        for finding in audit.findings:
            self.page.write_whole(_line(finding))


def write_end(page: Page, report: AuditReport) -> None:
    """Write what is to be mended beyond single exercises, one line each, and the totals."""
    if report.stale:
        page.blank()
    for finding in report.stale:
        page.write_whole(_line(finding))
    page.blank()
    for line in _totals(report):
        page.write(line)


def _line(finding: Finding) -> Line:
    place = f"{finding.file}:{finding.line}: "
    return Line((Span(place, "cyan"), Span(f"{finding.problem}: {finding.remedy}")))


def _totals(report: AuditReport) -> Iterator[Line]:
    audits = report.exercises
    figures = [audit.figures for audit in audits]
    made, killed = sum(one.mutants for one in figures), sum(one.killed for one in figures)
    rate = f" ({killed / made:.1%})" if made else ""
    said = sum(survivor.reason is not None for audit in audits for survivor in audit.survivors)
    yield Line(
        (
            Span(f"{counted(len(audits), 'exercise')}: "),
            Span(f"{counted(sum(one.mistakes for one in figures), 'planted mistake')}, "),
            Span(f"{killed:,} of {counted(made, 'mutant')} killed{rate}, {said} explained; "),
            Span(f"{counted(sum(one.pending for one in figures), 'theory anchor')} pending."),
        )
    )
    if report.green:
        yield Line((Span("Everything holds.", "green"),))
    else:
        red = [audit for audit in audits if not audit.green]
        total = len(report.stale) + sum(len(audit.findings) for audit in red)
        yield Line((Span(f"{counted(total, 'finding')} to mend.", "bold red"),))
