"""`dlcourse doctor`: what this machine gives to grading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dlcourse.cli.options import confinement_option, course_option

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.sandbox.tier import Tier

_EXIT_CODES = """\b
Exit codes:
  0  a worker starts and answers, held as strongly as required
  2  what was typed is not right
  3  grading does not work here: no worker starts and answers
  4  graded code is held less strongly than required
"""


@click.command("doctor", epilog=_EXIT_CODES)
@course_option
@confinement_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON (docs/doctor.md).")
def doctor_command(course: Path | None, required: Tier, *, as_json: bool) -> int:
    """Try what grading needs, and say what this machine lacks and what to do.

    Above all: which layers of confinement a worker obtains here, and for whose code that is enough.
    It takes a few seconds, since PyTorch is loaded more than once.
    """
    from dlcourse.cli.doctoring import run_doctor  # noqa: PLC0415 - loads pydantic and rich

    return run_doctor(course, required, as_json=as_json)
