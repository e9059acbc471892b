"""`dlcourse gradebook`: the grades of a class, and what people decide about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dlcourse.cli.options import course_option, gradebook_option

if TYPE_CHECKING:
    from datetime import datetime

_author = click.option("--author", required=True, metavar="NAME", help="Who decides it.")
_reason = click.option("--reason", required=True, metavar="TEXT", help="Why.")


@click.group("gradebook")
def gradebook_command() -> None:
    """Show the grades of a class, and change them by hand."""


@gradebook_command.command("grades")
@click.argument("names", nargs=-1)
@gradebook_option
@course_option
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Due times, late work, which attempt counts (docs/instructor.md).  [default: the best"
    " attempt, in full]",
)
@click.option("--why", is_flag=True, help="Say what each grade comes from.")
def grades_command(**typed: Any) -> None:
    """Show each student's grades, in percent.

    NAMES are days or exercises; without any, all that somebody handed in.
    """
    from dlcourse.cli.gradebooks import show_grades  # noqa: PLC0415 - loads the database

    show_grades(**typed)


@gradebook_command.command("accept")
@gradebook_option
@_author
def accept_command(gradebook: str, author: str) -> None:
    """Let all proposed results count, which `dlcourse grade --regrade` has shown."""
    from dlcourse.cli.gradebooks import decide  # noqa: PLC0415 - loads the database

    decide(gradebook, author, accept=True)


@gradebook_command.command("reject")
@gradebook_option
@_author
def reject_command(gradebook: str, author: str) -> None:
    """Drop all proposed results: what counted before goes on counting."""
    from dlcourse.cli.gradebooks import decide  # noqa: PLC0415 - loads the database

    decide(gradebook, author, accept=False)


@gradebook_command.command("adjust")
@click.argument("student")
@click.argument("name")
@click.option("--points", type=float, metavar="X", help="Add X points; negative takes away.")
@click.option("--score", type=float, metavar="X", help="Set the score, from 0 to 1.")
@_author
@_reason
@gradebook_option
@course_option
def adjust_command(**typed: Any) -> None:
    """Change the grade of STUDENT in the exercise or day NAME by hand; regrading keeps it."""
    from dlcourse.cli.gradebooks import adjust  # noqa: PLC0415 - loads the database

    adjust(**typed)


@gradebook_command.command("withdraw")
@click.argument("number", type=int)
@_author
@_reason
@gradebook_option
def withdraw_command(gradebook: str, number: int, author: str, reason: str) -> None:
    """Take back the adjustment of this NUMBER."""
    from dlcourse.cli.gradebooks import withdraw  # noqa: PLC0415 - loads the database

    withdraw(gradebook, number, author, reason)


@gradebook_command.command("extend")
@click.argument("student")
@click.argument("day")
@click.option(
    "--until",
    required=True,
    metavar="TIME",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]),
    help="The later due time with its zone, as 2026-12-02T23:59+01:00.",
)
@_author
@_reason
@gradebook_option
@course_option
def extend_command(
    student: str,
    day: str,
    until: datetime,
    author: str,
    reason: str,
    gradebook: str,
    course: Path | None,
) -> None:
    """Give STUDENT more time for DAY."""
    from dlcourse.cli.gradebooks import extend  # noqa: PLC0415 - loads the database

    extend(course, gradebook, student=student, day=day, until=until, author=author, reason=reason)
