"""`dlcourse grade`: grade what a class handed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dlcourse.cli.options import GradeOptions, course_option, gradebook_option
from dlcourse.sandbox.tier import TIERS

_LAYOUTS = ("canvas", "folders", "github", "gradescope", "moodle", "zips")
_EXIT_CODES = """\b
Exit codes:
  0  everything that was handed in is graded
  2  what was typed is not right
  3  the grader, the course or the gradebook is broken: a test was `broken`, say
  4  what was asked for is not available on this machine
"""


@click.command("grade", epilog=_EXIT_CODES)
@click.argument("submissions", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--day",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    help="What was to be handed in: a day (day24), an exercise (ppo_loss), or all; repeatable.",
)
@course_option
@gradebook_option
@click.option(
    "--roster",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A CSV file of the students (docs/instructor.md).  [default: whoever handed in]",
)
@click.option(
    "--layout",
    type=click.Choice(_LAYOUTS),
    help="How the submissions lie.  [default: found out, and shown]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Graders side by side.  [default: one for each processor]",
)
@click.option(
    "--regrade",
    is_flag=True,
    help="Grade again what was graded under other versions, and show what would change.",
)
@click.option(
    "--accept",
    is_flag=True,
    help="With --regrade: let the new results count at once.",
)
@click.option(
    "--require-confinement",
    "required",
    type=click.Choice(TIERS),
    metavar="TIER",
    default="confined",
    show_default=True,
    help="End with exit code 4 unless graded code is held at least like this: none, confined or"
    " sandboxed.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, (1 << 32) - 1),
    help="The number of the run.  [default: that of the gradebook's first one]",
)
@click.option("--dry-run", is_flag=True, help="Show what was found, and grade nothing.")
def grade_command(**typed: Any) -> int:
    """Grade what a class handed in, and keep every result in a gradebook.

    SUBMISSIONS is a folder or a zip file: one folder, zip file or git clone for each student, or
    what Canvas, Moodle, Gradescope or GitHub Classroom give in bulk. Whatever ends a run, the same
    command goes on where it ended: what the gradebook has is not graded again.
    """
    from dlcourse.cli.grading import run_grade  # noqa: PLC0415 - loads the database and more

    return run_grade(GradeOptions(**typed))
