"""What `dlcourse list` prints."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dlcourse.course import Course, Exercise, find_course, load_course


def print_list(course_folder: Path | None, names: tuple[str, ...]) -> None:
    """Print a table of the exercises that `names` stand for, day by day."""
    course = load_course(find_course(course_folder))
    console = Console(highlight=False)
    console.print(Text(course.title, style="bold"))
    console.print(_table(course, course.resolve_all(names or ("all",))))


def _table(course: Course, exercises: tuple[Exercise, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("exercise", "what it is"):
        table.add_column(heading, overflow="fold")
    for heading in ("difficulty", "minutes"):
        table.add_column(heading, justify="right")
    for day in course.days:
        chosen = [exercise for exercise in day.exercises if exercise in exercises]
        if chosen:
            table.add_row()
            table.add_row(Text(f"day {day.number}", style="bold"), Text(day.title, style="bold"))
        for exercise in chosen:
            table.add_row(
                Text(exercise.name),
                Text(exercise.title),
                str(exercise.difficulty),
                str(exercise.minutes),
            )
    return table
