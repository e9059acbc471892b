"""The end of a report: bars, totals, and on what ground the verdicts stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from dlcourse.grading.report import Outcome
from dlcourse.reports.escape import escape_line
from dlcourse.reports.page import Line, Span
from dlcourse.reports.wording import counted, duration, percentage, points

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlcourse.grading.report import Confinement, ExerciseReport, Layer, Report
    from dlcourse.reports.page import Page

STYLES: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.ERROR: "red",
    Outcome.SKIPPED: "yellow",
    Outcome.BROKEN: "magenta",
}
_MAX_BAR: Final = 20
_MIN_BAR: Final = 6
# A short detail with a number is a version, worth a word; others are left to the JSON report.
_MAX_DETAIL: Final = 8


def write_bar(page: Page, exercise: ExerciseReport) -> None:
    """Write the line that closes an exercise: its name, a bar, its points and its score."""
    device = "" if exercise.device == "cpu" else f"on {exercise.device}"
    numbers = points(exercise.earned, exercise.points)
    _write_bar(page, exercise.exercise, exercise.score, numbers, note=device)


def write_summary(page: Page, report: Report, replay: str | None) -> None:
    """Write everything that follows the last exercise."""
    if len(report.exercises) > 1:
        _write_overview(page, report)
    for line in _closing(page, report):
        page.write(line)
    _write_seed(page, report.seed, replay)


def _write_overview(page: Page, report: Report) -> None:
    """All bars again, one under another: the place to see which exercises are left to do."""
    column = max(len(exercise.exercise) for exercise in report.exercises)
    rows = [
        (each.exercise, each.score, points(each.earned, each.points)) for each in report.exercises
    ]
    rows.append(("total", report.score, points(report.earned, report.points)))
    digits = max(len(numbers) for _, _, numbers in rows)
    for name, score, numbers in rows:
        _write_bar(page, name.ljust(column), score, numbers.rjust(digits))
    page.blank()


def _write_bar(page: Page, name: str, score: float | None, numbers: str, *, note: str = "") -> None:
    if score is None:
        page.write(Line((Span(f"{name}  "), Span("nothing here counts", "dim"))))
        return
    share = f"{percentage(score):>5}"
    width = page.width - cell_len(escape_line(name)) - len(numbers) - len(share) - 6
    filled, unfilled = (
        page.glyphs.bar(score, min(width, _MAX_BAR)) if width >= _MIN_BAR else ("", "")
    )
    bar = (Span(filled, "green"), Span(unfilled, "dim"))
    page.write(
        Line((Span(f"{name}  "), *bar, Span(f"  {numbers}  {share}"), Span(f"  {note}", "dim")))
    )


def _closing(page: Page, report: Report) -> Iterator[Line]:
    yield _totals(report)
    counts = report.counts()
    if counts[Outcome.BROKEN]:
        yield _broken(counts[Outcome.BROKEN])
    yield _confinement(report.confinement)
    claims = sum(test.claims for exercise in report.exercises for test in exercise.tests)
    if claims:
        yield _claims(claims, page.glyphs.claim)


def _totals(report: Report) -> Line:
    counts = {outcome: count for outcome, count in report.counts().items() if count}
    if not counts:
        return Line((Span("No test was run."),))
    spans: list[Span] = []
    for outcome, count in counts.items():
        words = counted(count, "error") if outcome is Outcome.ERROR else f"{count:,} {outcome}"
        spans += [Span(", " if spans else ""), Span(words, f"bold {STYLES[outcome]}")]
    spent = f" in {duration(report.timing.wall)}" if report.timing.wall else ""
    return Line((*spans, Span(spent, "dim")))


def _broken(count: int) -> Line:
    fault = f"{counted(count, 'test')} broke by the grader's own fault and cost no points"
    return Line((Span(f"{fault}: please report it, with the seed below.", STYLES[Outcome.BROKEN]),))


def _confinement(confinement: Confinement) -> Line:
    active = [layer for layer in confinement.layers if layer.active]
    inactive = [layer for layer in confinement.layers if not layer.active]
    missing = ", ".join(layer.name for layer in inactive)
    if confinement.tier == "none":
        without = f", without {missing}" if missing else ""
        words = f"graded code ran with your own rights{without}; `dlcourse doctor` says why."
        return Line((Span(words),), lead=Span("not confined: ", "bold yellow"))
    without = f"; without {missing}: `dlcourse doctor` says why" if missing else ""
    return Line((Span(f"{confinement.tier} by {_named(active)}{without}", "dim"),))


def _named(layers: Sequence[Layer]) -> str:
    return ", ".join(
        f"{layer.name} ({layer.detail})" if _is_version(layer.detail) else layer.name
        for layer in layers
    )


def _is_version(detail: str) -> bool:
    return len(detail) <= _MAX_DETAIL and any(map(str.isdigit, detail))


def _claims(count: int, glyph: str) -> Line:
    verb = "rests" if count == 1 else "rest"
    sentence = (
        f"{counted(count, 'test')} {verb} on what the worker said of itself:"
        " good against mistakes, no proof against forgery."
    )
    return Line((Span(sentence, "dim"),), lead=Span(f"{glyph} ", "dim"))


def _write_seed(page: Page, seed: int, replay: str | None) -> None:
    """Write the number of the run and, on a line of its own, the command that repeats it."""
    if replay is None:
        page.write(Line((Span(f"seed {seed}", "dim"),)))
        return
    page.write(Line((Span(f"seed {seed}; the same inputs again:", "dim"),)))
    page.write_whole(Line((Span(replay),), 2))
