"""What `dlcourse hint` does, once its options are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dlcourse.cli.output import open_output
from dlcourse.cli.workplace import find_workplace
from dlcourse.course import find_course, load_course
from dlcourse.course.hints import Hint, last_hint, next_hint
from dlcourse.course.progress import ProgressFile
from dlcourse.errors import UsageError
from dlcourse.reports.hints import write_hint, write_sentence
from dlcourse.reports.page import Page

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.course import Course, Exercise


def give_hint(course_folder: Path | None, name: str, *, again: bool, reset: bool) -> None:
    """Show the next hint, or the last one again, or forget which were shown.

    Raises:
        UsageError: `name` is no exercise here, or there is no hint to show again.
        CourseError: the course is broken.
    """
    course = load_course(find_course(course_folder))
    exercise = _single(course, name)
    kept = ProgressFile(find_workplace(course))
    page = Page(open_output())
    if reset:
        _forget(exercise, kept, page)
    elif again:
        write_hint(page, exercise, _last(exercise, kept))
    else:
        _show_next(exercise, kept, page)
    for complaint in kept.complaints:
        click.echo(complaint, err=True)


def _single(course: Course, name: str) -> Exercise:
    found = course.resolve(name)
    if len(found) > 1:
        raise UsageError(
            f"`{name}` holds {len(found)} exercises: name one of those that `dlcourse list {name}`"
            f" shows."
        )
    return found[0]


def _show_next(exercise: Exercise, kept: ProgressFile, page: Page) -> None:
    before = kept.progress.of(exercise.name)
    hint = next_hint(exercise, before)
    if hint is None:
        write_sentence(
            page,
            f"All hints for `{exercise.name}` are shown: type"
            f" `dlcourse hint {exercise.name} --again` for the last of them, `--reset` to begin"
            f" anew, or `dlcourse check {exercise.name}`.",
        )
        return
    write_hint(page, exercise, hint)
    shown = (*before.shown, hint.key)
    kept.keep(kept.progress.updated({exercise.name: {"shown": shown}}))


def _last(exercise: Exercise, kept: ProgressFile) -> Hint:
    hint = last_hint(exercise, kept.progress.of(exercise.name))
    if hint is None:
        raise UsageError(
            f"no hint for `{exercise.name}` was shown yet: type `dlcourse hint {exercise.name}`."
        )
    return hint


def _forget(exercise: Exercise, kept: ProgressFile, page: Page) -> None:
    kept.keep(kept.progress.updated({exercise.name: {"shown": ()}}))
    write_sentence(
        page,
        f"The hints for `{exercise.name}` begin anew: type `dlcourse hint {exercise.name}`.",
    )
