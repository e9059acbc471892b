"""`dlcourse hint`: one hint more at each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dlcourse.cli.options import course_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command("hint")
@click.argument("name")
@course_option
@click.option("--again", is_flag=True, help="Show the last hint once more.")
@click.option("--reset", is_flag=True, help="Forget which hints were shown.")
def hint_command(name: str, course: Path | None, *, again: bool, reset: bool) -> None:
    """Give one more hint for an exercise, from a nudge to nearly the answer.

    If your last check looked like a known mistake, the hint for that mistake comes first.
    """
    from dlcourse.cli.hinting import give_hint  # noqa: PLC0415 - loads pydantic and rich

    if again and reset:
        raise click.UsageError("`--again` and `--reset` exclude each other")
    give_hint(course, name, again=again, reset=reset)
