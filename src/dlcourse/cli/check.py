"""`dlcourse check`: grade one's own work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dlcourse.cli.options import CheckOptions, confinement_option, course_option

_EXIT_CODES = """\b
Exit codes:
  0  every test that counts passed
  1  graded code lost points
  2  what was typed is not right
  3  the grader or the course is broken: a test was `broken`, say
  4  what was asked for is not available on this machine
"""


@click.command("check", epilog=_EXIT_CODES)
@click.argument("names", nargs=-1, required=True)
@course_option
@click.option(
    "--workdir",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Grade the files of this folder.",
)
@click.option(
    "--only", multiple=True, metavar="TEST", help="Run this test and those it needs; repeatable."
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, (1 << 32) - 1),
    help="Repeat the run of this number.  [default: a new one]",
)
@click.option(
    "--isolation",
    type=click.Choice(["exercise", "test"]),
    default="exercise",
    show_default=True,
    help="One worker for an exercise, or a fresh one for every test.",
)
@confinement_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (docs/report.md).")
def check_command(**typed: Any) -> int:
    """Grade exercises and say what is wrong with them.

    NAMES are days (day24, 24), exercises (ppo_loss, day24/ppo_loss), their files, or all.

    Graded are the course's stubs as you filled them in, exercises/dayNN_slug/NAME.py. With
    --workdir DIR they are DIR/dayNN_slug/NAME.py or DIR/exercises/dayNN_slug/NAME.py. The
    built-in course of an installed dlcourse has no place for your work: there DIR is the current
    folder.
    """
    from dlcourse.grading.client import GraderProcess  # noqa: PLC0415 - light, and first:

    with GraderProcess() as grader:  # it loads torch while this process loads the rest
        from dlcourse.cli.checking import run_check  # noqa: PLC0415 - loads pydantic and more

        return run_check(grader, CheckOptions(**typed))
