"""What `dlcourse grade` does, once its options are read."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Final, NoReturn

import click

from dlcourse.bulk.gradebook import Gradebook, Student
from dlcourse.bulk.regrade import changes
from dlcourse.bulk.run import ClassRequest, grade_class
from dlcourse.bulk.submissions import find_submissions, match_all, read_roster
from dlcourse.cli.options import USUAL_PLACE
from dlcourse.cli.output import open_output
from dlcourse.course import find_course, load_course
from dlcourse.errors import CourseError, UnavailableError, UsageError
from dlcourse.grading.seeds import load_secret, new_run, secret_path
from dlcourse.reports.class_changes import write_changes
from dlcourse.reports.class_found import write_found, write_left_over
from dlcourse.reports.class_progress import ClassProgress
from dlcourse.reports.class_summary import write_class_summary, write_list
from dlcourse.reports.page import Line, Page, Span
from dlcourse.sandbox.tier import strongest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from dlcourse.bulk.submissions import Found, Matched, Roster, Submission
    from dlcourse.bulk.tally import Tally
    from dlcourse.cli.options import GradeOptions
    from dlcourse.course import Course, Exercise

_INTERRUPTED: Final = 130
_AUTHOR: Final = "dlcourse grade --accept"


def run_grade(options: GradeOptions) -> int:
    """Grade what was typed, keep and show the results, and return the exit status.

    Raises:
        UsageError: the submissions, the roster or the gradebook are not what was said.
        CourseError: the course is broken, or the gradebook cannot be written.
        UnavailableError: graded code is held less than required, or a server is out of reach.
    """
    if options.accept and not options.regrade:
        raise UsageError(
            "`--accept` is for what `--regrade` finds: type both, or `dlcourse gradebook accept`"
            " for what was proposed before"
        )
    # Read first: a name that was mistyped makes no gradebook.
    course = load_course(find_course(options.course, _folder(options.submissions)))
    exercises = course.resolve_all(options.names)
    console = open_output()
    page = Page(console)
    found = find_submissions(options.submissions, layout=options.layout)
    roster = None if options.roster is None else read_roster(options.roster)
    matched = None if roster is None else match_all(found, roster)
    write_found(page, found, matched)
    broken = 0
    if not options.dry_run:
        with Gradebook.open(options.gradebook, create=True) as book:
            if roster is not None:
                book.add_students(_students(roster))
            request = _request(options, course, exercises, _pairs(found, matched), book)
            tally = _graded(options, request, book, console)
            write_class_summary(page, tally)
            _write_refused(page, tally)
            if options.regrade:
                _show_changes(page, book, accept=options.accept)
        broken = tally.broken
    write_left_over(page, found, matched)
    return CourseError.exit_code if broken else 0


def _folder(submissions: Path) -> Path | None:
    """The folder to be graded, in which no course is taken for the instructor's."""
    return submissions if submissions.is_dir() else None


def _request(
    options: GradeOptions,
    course: Course,
    exercises: Sequence[Exercise],
    pairs: tuple[tuple[str, Submission], ...],
    book: Gradebook,
) -> ClassRequest:
    secret = load_secret()
    if not secret.kept:
        raise UnavailableError(
            f"the secret that seeds derive from cannot be kept in `{secret_path()}`, so no later"
            " run could go on: set `DLCOURSE_SECRET_FILE` to a file that you can write"
        )
    return ClassRequest(
        course=course,
        exercises=exercises,
        handed_in=pairs,
        run=_number(options, book),
        secret=secret.value.hex(),
        required=strongest(options.required, course.required),
        jobs=options.jobs or os.cpu_count() or 1,
        regrade=options.regrade,
    )


def _graded(
    options: GradeOptions, request: ClassRequest, book: Gradebook, console: Console
) -> Tally:
    run = book.begin_run(request.run, _arguments(options))
    try:
        with ClassProgress(console) as progress:
            grade_class(request, book, progress)
    except KeyboardInterrupt:
        _leave(book.shown)
    book.finish_run(run)
    return progress.tally


def _leave(gradebook: str) -> NoReturn:
    click.echo(
        f"Interrupted: what was graded is in `{gradebook}`; type the same command to go on.",
        err=True,
    )
    sys.exit(_INTERRUPTED)


def _number(options: GradeOptions, book: Gradebook) -> int:
    """The run's number: all runs of a gradebook share it, so that what was graded stays valid."""
    if options.seed is not None:
        return options.seed
    earlier = book.runs()
    return earlier[0].number if earlier else new_run()


def _arguments(options: GradeOptions) -> dict[str, object]:
    """What was typed, for whoever asks later what a run was."""
    return {
        "submissions": str(options.submissions),
        "names": list(options.names),
        "regrade": options.regrade,
    }


def _students(roster: Roster) -> list[Student]:
    return [
        Student(entry.student, entry.name, entry.email, entry.section) for entry in roster.entries
    ]


def _pairs(found: Found, matched: Matched | None) -> tuple[tuple[str, Submission], ...]:
    """The students' keys with their submissions."""
    if matched is None:
        return tuple((one.student, one) for one in found.submissions)
    return tuple((entry.student, submission) for submission, entry in matched.pairs)


def _write_refused(page: Page, tally: Tally) -> None:
    rows = [f"{student}: {problem}" for student, problem in tally.refused]
    write_list(page, "Could not be read, and counts as 0:", rows)


def _at(book: Gradebook) -> str:
    """The option that names a gradebook, where it is not the usual one."""
    return "" if book.shown == USUAL_PLACE else f" --gradebook {shlex.quote(book.shown)}"


def _show_changes(page: Page, book: Gradebook, *, accept: bool) -> None:
    found = list(changes(book))
    write_changes(page, found)
    if accept and found:
        book.accept(*(change.proposed for change in found), author=_AUTHOR)
        page.write(Line((Span("They count from now on."),)))
    elif found:
        page.write(
            Line(
                (
                    Span(
                        f"Nothing has changed yet: type `dlcourse gradebook accept{_at(book)}"
                        " --author NAME` to let them count, or `reject` in its place to drop them."
                    ),
                )
            )
        )
