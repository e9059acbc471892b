"""`dlcourse check`: grade one's own work."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dlcourse.cli.options import course_option

if TYPE_CHECKING:
    from dlcourse.grading.report import Report

_EXIT_CODES = """\b
Exit codes: 0 full points; 1 points were lost; 2 usage; 3 the grader or the course is broken;
4 not available on this machine.
"""


@click.command("check", epilog=_EXIT_CODES)
@click.argument("names", nargs=-1, required=True)
@course_option
@click.option(
    "--workdir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A tree of filled-in stubs elsewhere (DIR/dayNN_slug/NAME.py).",
)
@click.option("--only", multiple=True, metavar="TEST", help="Run this test alone; repeatable.")
@click.option(
    "--seed",
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
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def check_command(  # noqa: D417 - click shows the options
    names: tuple[str, ...],
    course: Path | None,
    workdir: Path | None,
    only: tuple[str, ...],
    seed: int | None,
    isolation: str,
    as_json: bool,
) -> None:
    """Grade exercises and say what is wrong with them.

    NAMES are days (day24, 24), exercises (ppo_loss, day24/ppo_loss) or all.
    """
    from dlcourse.grading.client import GraderProcess  # noqa: PLC0415 - light, and first:

    with GraderProcess() as grader:  # it loads torch while this process loads the rest
        from dlcourse.cli.checking import run_check  # noqa: PLC0415 - loads pydantic and more

        report = run_check(
            grader,
            names=names,
            course_folder=course,
            workdir=workdir,
            only=only,
            seed=seed,
            isolation="test" if isolation == "test" else "exercise",
            as_json=as_json,
            replay=_replay,
        )
    sys.exit(exit_code(report))


def _replay(seed: int) -> str:
    """The command that repeats this one under the same seed."""
    words = iter(sys.argv[1:])
    kept = []
    for word in words:
        if word == "--seed":
            next(words, None)
        elif not word.startswith("--seed="):
            kept.append(word)
    return shlex.join(["dlcourse", *kept, "--seed", str(seed)])


def exit_code(report: Report) -> int:
    """3 where a test was broken, 1 where points were lost, else 0."""
    counts = report.counts()
    if counts["broken"]:  # type: ignore[index]  # a StrEnum is its string
        return 3
    return int(any(counts[outcome] for outcome in ("failed", "error")))  # type: ignore[index]  # the same
