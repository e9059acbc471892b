"""`dlcourse new`: make a day or an exercise of a course."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dlcourse.cli.options import course_option

if TYPE_CHECKING:
    from pathlib import Path


@click.group("new")
def new_command() -> None:
    """Make a day or an exercise, for those who write a course."""


@new_command.command("day")
@click.argument("number", metavar="NN", type=click.IntRange(0, 99))
@click.argument("slug")
@click.option("--title", required=True, metavar="TITLE", help="The day's title.")
@course_option
def new_day_command(number: int, slug: str, title: str, course: Path | None) -> None:
    """Make the day dayNN_SLUG, without an exercise yet."""
    from dlcourse.cli.creating import make_day  # noqa: PLC0415 - loads pydantic and rich

    make_day(course, number, slug, title)


@new_command.command("exercise")
@click.argument("place", metavar="DAY/NAME")
@click.option("--title", metavar="TITLE", help="The exercise's title.  [default: from its name]")
@click.option("--core", is_flag=True, help="Make it one of those that carry the day.")
@course_option
def new_exercise_command(place: str, title: str | None, course: Path | None, *, core: bool) -> None:
    """Make an exercise: stub, solution, suite, planted mistakes and a variant.

    What is written works: the suite accepts solution and variant, and rejects the stub and each
    mistake. Replace it piece by piece; `TODO(author)` marks the places.
    """
    from dlcourse.cli.creating import make_exercise  # noqa: PLC0415 - loads pydantic and rich

    make_exercise(course, place, title, core=core)
