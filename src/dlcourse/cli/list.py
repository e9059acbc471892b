"""`dlcourse list`: what there is to do."""

from __future__ import annotations

from pathlib import Path

import click

from dlcourse.cli.options import course_option


@click.command("list")
@click.argument("names", nargs=-1)
@course_option
def list_command(names: tuple[str, ...], course: Path | None) -> None:
    """List days and exercises, with difficulty (1-5) and the minutes they take.

    NAMES limits the list to some days or exercises.
    """
    from dlcourse.cli.listing import print_list  # noqa: PLC0415 - loads pydantic and rich

    print_list(course, names)
