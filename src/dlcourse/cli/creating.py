"""What `dlcourse new` does, once its options are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.audit.scaffold import create_day, create_exercise
from dlcourse.cli.output import open_output
from dlcourse.cli.workplace import require_own, shown
from dlcourse.course import find_course, load_course
from dlcourse.course.names import find_day
from dlcourse.errors import UsageError
from dlcourse.reports.page import Line, Page, Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def make_day(course_folder: Path | None, number: int, slug: str, title: str) -> None:
    """Make a day, and say what was made and what to type next.

    Raises:
        UsageError: what was typed makes no day here.
    """
    root = find_course(course_folder)
    require_own(root)
    file = create_day(root, number, slug, title)
    _tell(root, made=[file], changed=[], todo=f"dlcourse new exercise day{number:02}/NAME")


def make_exercise(course_folder: Path | None, place: str, title: str | None, *, core: bool) -> None:
    """Make an exercise, and say what was made and what to type next.

    Raises:
        UsageError: what was typed makes no exercise here.
        CourseError: the course is broken.
    """
    day, slash, name = place.partition("/")
    if not slash:
        raise UsageError(
            f"`{place}` names no day: type `dlcourse new exercise DAY/NAME`, like `day03/{place}`."
        )
    course = load_course(find_course(course_folder))
    require_own(course.root)
    *made, changed = create_exercise(course, find_day(course, day), name, title, core=core)
    _tell(course.root, made, [changed], f"dlcourse audit {name}")


def _tell(root: Path, made: Sequence[str], changed: Sequence[str], todo: str) -> None:
    page = Page(open_output())
    for word, files in (("made", made), ("changed", changed)):
        for file in files:
            page.write(Line((Span(shown(root / file)),), lead=Span(f"{word:9}", "green")))
    page.blank()
    does = (
        "It works as it stands. Replace what `TODO(author)` marks, then type" if changed else "Type"
    )
    page.write(Line((Span(f"{does} "), Span(f"`{todo}`", "cyan"), Span("."))))
