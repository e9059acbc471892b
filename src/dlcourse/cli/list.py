"""`dlcourse list`: what there is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dlcourse.cli.options import course_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command("list")
@click.argument("names", nargs=-1)
@course_option
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_command(names: tuple[str, ...], course: Path | None, *, as_json: bool) -> None:
    """List days and exercises, with their difficulty and the minutes that they take.

    NAMES limits the list to some days or exercises.
    """
    from dlcourse.cli.listing import print_list  # noqa: PLC0415 - loads pydantic and rich

    print_list(course, names, as_json=as_json)
