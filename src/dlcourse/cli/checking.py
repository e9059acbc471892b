"""What `dlcourse check` does, once its options are read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

from dlcourse.course import Course, find_course, load_course
from dlcourse.grading.check import Listener, Request, check, hidden_paths
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings
from dlcourse.grading.report import ExerciseReport, Report, TestReport
from dlcourse.grading.seeds import load_secret, new_run


def run_check(
    grader: GraderProcess,
    *,
    names: tuple[str, ...],
    course_folder: Path | None,
    workdir: Path | None,
    only: tuple[str, ...],
    seed: int | None,
    isolation: Literal["exercise", "test"],
    as_json: bool,
    replay: Callable[[int], str],
) -> Report:
    """Grade what `names` stand for and print the report."""
    course = load_course(find_course(course_folder))
    request = Request(
        course=course,
        exercises=course.resolve_all(names),
        workdir=workdir or default_workdir(course),
        run=new_run() if seed is None else seed,
        only=only,
        isolation=isolation,
    )
    grader.configure(GraderSettings(hidden=hidden_paths(course), secret=load_secret().hex()))
    if as_json:
        return _as_json(request, grader)
    return _on_terminal(request, grader, replay(request.run))


def default_workdir(course: Course) -> Path:
    """The learner's tree: the course's own stubs, or the current folder for an installed course."""
    return Path.cwd() if course.root.name == "_course" else course.root


def _as_json(request: Request, grader: GraderProcess) -> Report:
    from dlcourse.reports.document import to_json  # noqa: PLC0415 - while the grader loads

    report = check(request, grader, _Silent())
    click.echo(to_json(report), nl=False)
    return report


def _on_terminal(request: Request, grader: GraderProcess, replay: str) -> Report:
    from rich.console import Console  # noqa: PLC0415 - while the grader loads

    from dlcourse.reports.terminal import TerminalReport  # noqa: PLC0415

    terminal = TerminalReport(Console(file=sys.stdout), replay=replay)
    listener: Listener = terminal
    report = check(request, grader, listener)
    terminal.finished(report)
    return report


class _Silent:
    """A listener that says nothing: the report comes at the end."""

    def exercise_started(
        self, name: str, title: str, file: str, *, problem: str | None = None
    ) -> None:
        """Say nothing."""

    def test_finished(self, test: TestReport) -> None:
        """Say nothing."""

    def exercise_finished(self, exercise: ExerciseReport) -> None:
        """Say nothing."""
