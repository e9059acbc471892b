"""What `dlcourse list` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from dlcourse.cli.output import open_output, write_document
from dlcourse.cli.workplace import is_built_in, shown
from dlcourse.course import find_course, load_course
from dlcourse.reports.page import Line, Page, Span
from dlcourse.reports.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dlcourse.course import Course, Day, Exercise

    _Listed = Sequence[tuple[Day, Sequence[Exercise]]]

_HARDEST: Final = 5
_INDENT: Final = 2
_DOCUMENTED: Final = {"name", "title", "difficulty", "minutes", "prerequisites", "devices"}


def print_list(course_folder: Path | None, names: tuple[str, ...], *, as_json: bool) -> None:
    """Print the exercises that `names` stand for, or all, day by day.

    Raises:
        UsageError: one of `names` names nothing here.
        CourseError: the course is broken.
    """
    course = load_course(find_course(course_folder))
    chosen = course.resolve_all(names or ("all",))
    days = [(day, [each for each in day.exercises if each in chosen]) for day in course.days]
    listed = [(day, exercises) for day, exercises in days if exercises]
    if as_json:
        write_document(json.dumps(_document(course, listed), indent=2) + "\n")
    else:
        _write(Page(open_output()), course, listed)


def _document(course: Course, listed: _Listed) -> dict[str, Any]:
    return {
        "course": course.title,
        "days": [
            {
                "day": day.folder,
                "title": day.title,
                "exercises": [_described(exercise) for exercise in exercises],
            }
            for day, exercises in listed
        ],
    }


def _described(exercise: Exercise) -> dict[str, Any]:
    fields = exercise.model_dump(mode="json", include=_DOCUMENTED)
    return {**fields, "stub": str(exercise.stub)}


def _write(page: Page, course: Course, listed: _Listed) -> None:
    page.write(Line((Span(course.title, "bold"),)))
    page.blank()
    column = max(len(exercise.name) for _, exercises in listed for exercise in exercises) + 2
    for day, exercises in listed:
        page.write(Line((Span(day.title),), lead=Span(f"day {day.number}  ", "bold cyan")))
        for exercise in exercises:
            _write_exercise(page, exercise, column)
        page.blank()
    for line in _closing(course, listed):
        page.write(line)


def _write_exercise(page: Page, exercise: Exercise, column: int) -> None:
    easy, hard = _level(page, exercise.difficulty)
    tail = (Span(easy, "yellow"), Span(hard, "dim"), Span(f"{exercise.minutes:4} min", "dim"))
    lead = Span(exercise.name.ljust(column), "bold")
    page.write_row(Line((Span(exercise.title),), _INDENT, lead), tail)


def _level(page: Page, difficulty: int) -> tuple[str, str]:
    return page.glyphs.bar(difficulty / _HARDEST, _HARDEST)


def _closing(course: Course, listed: _Listed) -> Iterator[Line]:
    exercises = [exercise for _, exercises in listed for exercise in exercises]
    hours, minutes = divmod(sum(exercise.minutes for exercise in exercises), 60)
    spent = f"{hours} h {minutes} min" if hours else f"{minutes} min"
    total = f"{counted(len(exercises), 'exercise')}, {spent} of work"
    yield Line((Span(f"{total}; a bar shows the difficulty, from 1 to {_HARDEST}.", "dim"),))
    do = "Copy a stub out of" if is_built_in(course) else "Fill in a stub in"
    folder = Span(f"`{shown(course.root / 'exercises')}`", "cyan")
    command = Span(f"`dlcourse check {exercises[0].name}`", "cyan")
    yield Line((Span(f"{do} "), folder, Span(", then "), command, Span(".")))
