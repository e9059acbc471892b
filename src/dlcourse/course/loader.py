"""A course read from its folder and checked as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcourse.course.defects import CourseDefects, Defect, attempt
from dlcourse.course.draft import DayDraft, read_day
from dlcourse.course.layout import COURSE_FILE
from dlcourse.course.lines import located
from dlcourse.course.links import link_defects
from dlcourse.course.model import Course, Day, Exercise
from dlcourse.course.reading import parse, read_toml
from dlcourse.course.tables import CourseTable, WeightsTable
from dlcourse.course.trees import day_folders, file_defects, twin_defects

if TYPE_CHECKING:
    from pathlib import Path

FORMAT_VERSION = 1


def load_course(root: Path) -> Course:
    """Return the course in the folder `root`.

    Every file is looked for where the exercise's name says that it is; no source is read.

    Raises:
        CourseDefects: all that is wrong with the course, at once.
    """
    root = root.resolve()
    said = read_toml(root, COURSE_FILE)
    _check_format(root, said)
    found: list[Defect] = []
    table = attempt(found, parse, CourseTable, said, COURSE_FILE)
    weights = WeightsTable() if table is None else table.weights
    days = _checked_days(root, weights, found)
    if table is None or found:
        raise CourseDefects(located(root, defect) for defect in found)
    return Course(
        root=root,
        title=table.title,
        days=tuple(_day(root, day, weights) for day in days),
        required=table.confinement.required,
    )


def _check_format(root: Path, said: dict[str, Any]) -> None:
    # Nothing else is judged in a format that this program does not know.
    version = said.get("format")
    if isinstance(version, int) and version != FORMAT_VERSION:
        problem = f"is {version}, but this program reads format {FORMAT_VERSION}"
        remedy = "type `pip install --upgrade dlcourse`"
        raise CourseDefects([located(root, Defect(COURSE_FILE, "format", problem, remedy))])


def _checked_days(root: Path, weights: WeightsTable, found: list[Defect]) -> list[DayDraft]:
    folders = day_folders(root, found)
    days = [read_day(root, folder, found) for folder in folders]
    for day in days:
        found.extend(file_defects(root, day))
    found.extend(twin_defects(root, folders))
    found.extend(link_defects(days, weights))
    return days


def _day(root: Path, draft: DayDraft, weights: WeightsTable) -> Day:
    assert draft.table is not None, "a day without a table is a defect"
    weight = weights.days.get(draft.folder, 1.0)
    exercises = tuple(
        Exercise(
            **table.model_dump(),
            root=root,
            day=draft.folder,
            weight=weight * weights.exercises.get(table.name, 1.0),
        )
        for table in draft.table.exercise
    )
    return Day(folder=draft.folder, title=draft.table.title, exercises=exercises)
