"""What `dlcourse check` does, once its options are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from dlcourse.cli.output import open_output, write_document
from dlcourse.cli.workplace import announcement, find_workplace, require_files
from dlcourse.course import find_course, load_course
from dlcourse.course.progress import ProgressFile
from dlcourse.grading.check import Request, Silent, check, hidden_paths, trains
from dlcourse.grading.job import GraderSettings
from dlcourse.grading.report import Outcome
from dlcourse.grading.seeds import load_secret, new_run, secret_path
from dlcourse.sandbox.tier import strongest

if TYPE_CHECKING:
    from dlcourse.cli.options import CheckOptions
    from dlcourse.grading.client import GraderProcess
    from dlcourse.grading.report import ExerciseReport, Report


_NOT_REPEATABLE: Final = (
    "No `--seed` can repeat this run: its secret cannot be kept in `{}`; "
    "set `DLCOURSE_SECRET_FILE` to a file that you can write."
)


def run_check(grader: GraderProcess, options: CheckOptions) -> int:
    """Grade what was typed, print the report and return the exit status.

    Raises:
        UsageError: a name, a test or a file that was asked for is not there.
        CourseError: the course or the grader is broken.
        UnavailableError: graded code is confined less than the option and the course require.
    """
    request = _read(options)
    secret = load_secret()
    hidden = hidden_paths(request.course)
    required = strongest(options.required, request.course.required)
    grader.configure(
        GraderSettings(
            hidden=hidden,
            secret=secret.value.hex(),
            warm=trains(request.exercises),
            required=required,
        )
    )
    if not secret.kept:
        click.echo(_NOT_REPEATABLE.format(secret_path()), err=True)
    if options.as_json:
        report = _print_json(request, grader)
    else:
        report = _print_page(request, grader, options.replay(request.run) if secret.kept else None)
    if options.workdir is None:  # another folder's files may be somebody else's
        _remember(request, report)
    return exit_status(report)


def exit_status(report: Report) -> int:
    """Return 3 where a test was broken, 1 where points were lost, else 0."""
    counts = report.counts()
    if counts[Outcome.BROKEN]:
        return 3
    return int(counts[Outcome.FAILED] + counts[Outcome.ERROR] > 0)


def _remember(request: Request, report: Report) -> None:
    """Keep which mistake each exercise looks like, for `dlcourse hint`."""
    kept = ProgressFile(request.workdir)
    news = {
        each.exercise: {"misconception": seen}
        for each in report.exercises
        # A part of the tests that fits no mistake says nothing of the rest.
        if ((seen := _likeliest(each)) or not request.only)
        and seen != kept.progress.of(each.exercise).misconception
    }
    if news:
        kept.keep(kept.progress.updated(news))
    for complaint in kept.complaints:
        click.echo(complaint, err=True)


def _likeliest(exercise: ExerciseReport) -> str | None:
    told = (exercise.misconception, *(test.misconception for test in exercise.tests))
    return next((misconception.id for misconception in told if misconception), None)


def _read(options: CheckOptions) -> Request:
    course = load_course(find_course(options.course, options.workdir))
    request = Request(
        course=course,
        exercises=course.resolve_all(options.names),
        workdir=options.workdir or find_workplace(course),
        run=new_run() if options.seed is None else options.seed,
        only=options.tests,
        isolation=options.isolation,
    )
    if options.workdir is None:
        require_files(request)
    return request


def _print_json(request: Request, grader: GraderProcess) -> Report:
    from dlcourse.reports.document import to_json  # noqa: PLC0415 - while the grader loads

    report = check(request, grader, Silent())
    write_document(to_json(report))
    return report


def _print_page(request: Request, grader: GraderProcess, replay: str | None) -> Report:
    from dlcourse.reports.terminal import TerminalReport  # noqa: PLC0415 - while the grader loads

    console = open_output()
    announcement(request.workdir, console)
    terminal = TerminalReport(console, replay=replay)
    report = check(request, grader, terminal)
    terminal.finished(report)
    return report
