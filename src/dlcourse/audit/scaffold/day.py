"""A new day: a folder with its title, and no exercise yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from dlcourse.audit.scaffold.files import create_files
from dlcourse.course import layout
from dlcourse.course.trees import day_folders, is_day_folder
from dlcourse.course.values import Line
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def create_day(root: Path, number: int, slug: str, title: str) -> str:
    """Make the day `dayNN_SLUG` in the course at `root`, and return its file's path.

    Raises:
        UsageError: the slug or the title is not right, or the course has a day of this number.
    """
    folder = f"day{number:02}_{slug}"
    if not is_day_folder(folder):
        raise UsageError(
            f"`{slug}` is no slug: write it in lowercase letters, digits and underscores, like"
            f" `optimizers`."
        )
    for other in day_folders(root, []):
        if other.partition("_")[0] == folder.partition("_")[0]:
            raise UsageError(
                f"day {number} is `{other}` already: choose another number, or add to it with"
                f" `dlcourse new exercise day{number:02}/NAME`."
            )
    file = layout.day_file(folder)
    create_files(root, {file: f"title = {quoted(title)}\n"})
    return file


def quoted(title: str) -> str:
    """Return a title as TOML holds it.

    Raises:
        UsageError: it is empty or runs over more than one line.
    """
    try:
        line: str = TypeAdapter(Line).validate_python(title)
    except ValidationError:
        raise UsageError(f"`--title {title!r}` is no title: write one line of words.") from None
    # A string of JSON is one of TOML, too.
    return json.dumps(line, ensure_ascii=False)
