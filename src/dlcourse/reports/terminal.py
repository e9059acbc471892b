"""A report on a terminal, line by line as the tests finish."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dlcourse.grading.report import Outcome
from dlcourse.reports.feedback import feedback, likely, without_hint
from dlcourse.reports.page import Line, Page, Span
from dlcourse.reports.summary import STYLES, write_bar, write_summary
from dlcourse.reports.wording import duration, points

if TYPE_CHECKING:
    from rich.console import Console

    from dlcourse.grading.report import ExerciseReport, Misconception, Report, TestReport

_UNCOUNTED: Final = {Outcome.SKIPPED, Outcome.BROKEN}
_QUIET: Final = {Outcome.PASSED, Outcome.SKIPPED}
_WORD_WIDTH: Final = max(len(outcome) for outcome in Outcome)


def render(report: Report, console: Console, *, replay: str | None = None) -> None:
    """Write the whole `report` to `console`, as if it had been streamed."""
    terminal = TerminalReport(console, replay=replay)
    for exercise in report.exercises:
        terminal.exercise_started(
            exercise.exercise, exercise.title, exercise.file, problem=exercise.problem
        )
        for test in exercise.tests:
            terminal.test_finished(test)
        terminal.exercise_finished(exercise)
    terminal.finished(report)


@dataclass
class _Shown:
    """What the exercise being written has shown already, and need not say twice.

    `held` are the tests from the first lost one on: the misconception stands before them, and is
    known when all have ended.
    """

    problem: str | None = None
    feedback: tuple[Line, ...] = ()
    misconceptions: set[str] = field(default_factory=set)
    held: list[TestReport] = field(default_factory=list)


class TerminalReport:
    """Writes a report to `console` while it is being made.

    Call `exercise_started`, then `test_finished` for each test, then `exercise_finished`, for
    each exercise in turn, and `finished` at the end. `replay` is the command that repeats the run.
    """

    def __init__(self, console: Console, *, replay: str | None = None) -> None:
        self._page = Page(console)
        self._replay = replay
        self._shown = _Shown()

    def exercise_started(
        self, name: str, title: str, file: str, *, problem: str | None = None
    ) -> None:
        """Write the heading; `problem` is why the tests could not run, if that is known by now."""
        self._shown = _Shown()
        self._page.write(Line((Span(name, "bold"), Span(f"  {title}"))))
        self._page.write(Line((Span(file, "dim"),)))
        self._page.blank()
        if problem is not None:
            self._write_problem(problem)

    def test_finished(self, test: TestReport) -> None:
        """Write the line of one test, and beneath it why it did not pass.

        Once a test is lost, it and those after it wait for the end of the exercise.
        """
        if self._shown.problem is not None:
            self._write_not_run(test, self._shown.problem)
        elif self._shown.held or test.outcome.lost:
            self._shown.held.append(test)
        else:
            self._write_whole(test)

    def _write_whole(self, test: TestReport) -> None:
        lines = self._feedback(test)
        repeated = lines != () and lines == self._shown.feedback
        self._write_test(test, note=" (as above)" if repeated else "")
        self._write_feedback(test)

    def exercise_finished(self, exercise: ExerciseReport) -> None:
        """Write the misconception that fits, the tests that waited for it, and the bar.

        Its problem is written, too, if nothing has told it yet.
        """
        if exercise.misconception is not None:
            self._write_misconception(exercise.misconception)
        for test in self._shown.held:
            self._write_whole(test)
        told = {sentence for test in exercise.tests for sentence in test.observed}
        told.add(self._shown.problem or "")
        if exercise.problem is not None and exercise.problem not in told:
            self._write_problem(exercise.problem)
        self._page.blank()
        write_bar(self._page, exercise)
        self._page.blank()

    def finished(self, report: Report) -> None:
        """Write totals, confinement, claims and the seed."""
        write_summary(self._page, report, self._replay)

    def _write_misconception(self, misconception: Misconception) -> None:
        self._shown.misconceptions.add(misconception.id)
        self._page.blank()
        for line in likely(misconception, 2):
            self._page.write(line)
        self._page.blank()

    def _write_problem(self, problem: str) -> None:
        self._shown.problem = problem
        mark = self._page.glyphs.marks[Outcome.ERROR]
        self._page.write(Line((Span(problem, "bold"),), 2, Span(f"{mark} ", "bold red")))
        self._page.blank()

    def _write_not_run(self, test: TestReport, problem: str) -> None:
        """One row for a test that `problem` kept from running; what else it says comes first."""
        others = tuple(sentence for sentence in test.observed if sentence != problem)
        self._write_feedback(test.model_copy(update={"observed": others}))
        row = Line((Span(test.sentence, "dim"),), 2, self._mark(test.outcome))
        self._page.write_row(row, self._numbers(test, "not run"))

    def _write_test(self, test: TestReport, *, note: str) -> None:
        claim = f" {self._page.glyphs.claim}" if test.claims else ""
        style = "" if test.outcome in _QUIET else "bold"
        spans = (Span(test.sentence, style), Span(f"{claim}{note}", "dim"))
        spent = duration(test.timing.wall) if test.timing.wall else ""
        row = Line(spans, 2, self._mark(test.outcome))
        self._page.write_row(row, self._numbers(test, spent))

    def _write_feedback(self, test: TestReport) -> None:
        """Write the feedback of `test`, unless it is the one written last."""
        lines = self._feedback(test)
        if not lines or lines == self._shown.feedback:
            return
        self._shown.feedback = lines
        for line in self._feedback(self._unexplained(test)):
            self._page.write(line)
        self._page.blank()

    def _unexplained(self, test: TestReport) -> TestReport:
        """Return `test`, without the hint of a misconception that was explained before."""
        if test.misconception is None:
            return test
        known = test.misconception.id in self._shown.misconceptions
        self._shown.misconceptions.add(test.misconception.id)
        return without_hint(test) if known else test

    def _feedback(self, test: TestReport) -> tuple[Line, ...]:
        return feedback(test, margin=self._page.glyphs.margin)

    def _mark(self, outcome: Outcome) -> Span:
        word = "" if self._page.coloured else f"{outcome:<{_WORD_WIDTH}} "
        return Span(f"{self._page.glyphs.marks[outcome]} {word}", f"bold {STYLES[outcome]}")

    def _numbers(self, test: TestReport, spent: str) -> tuple[Span, Span]:
        counts = test.points and test.outcome not in _UNCOUNTED
        won = points(test.earned, test.points) if counts else self._page.glyphs.none
        return Span(f"{won:>5}"), Span(f"  {spent:>7}", "dim")
