"""The folders and files of a course: what is missing, and what nothing names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dlcourse.course import layout
from dlcourse.course.defects import Defect
from dlcourse.course.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from dlcourse.course.draft import DayDraft

_DAY = re.compile(r"day[0-9]{2}_[a-z][a-z0-9_]*")
_ASIDE = (".mistakes.toml", ".signatures.json", ".variants")


def day_folders(root: Path, found: list[Defect]) -> list[str]:
    """Return the names of the day folders in order, and add what is wrong with them to `found`."""
    folders = _folders(root / layout.EXERCISES)
    days = list(filter(is_day_folder, folders))
    found.extend(_misnamed(folder) for folder in folders if folder not in days)
    found.extend(_numbered_twice(days))
    if not days:
        found.append(Defect(layout.EXERCISES, "", "holds no day", "add a folder `day01_SLUG`"))
    return days


def is_day_folder(name: str) -> bool:
    """Whether a folder of this name is a day's: `dayNN_slug`."""
    return _DAY.fullmatch(name) is not None


def twin_defects(root: Path, days: Sequence[str]) -> Iterator[Defect]:
    """Yield the folders of solutions and graders that are no day's."""
    for tree in (layout.SOLUTIONS, layout.GRADERS):
        for folder in _folders(root / tree):
            if folder not in days:
                remedy = did_you_mean(folder, days, "remove it, or add its exercises")
                problem = f"has no twin in `{layout.EXERCISES}`"
                yield Defect(f"{tree}/{folder}", "", problem, remedy)


def file_defects(root: Path, day: DayDraft) -> Iterator[Defect]:
    """Yield the files of a day that are missing, and those that belong to no exercise."""
    for name in filter(str.isidentifier, day.names):
        yield from _missing(root, day, name)
    modules = {f"{name}.py" for name in day.names}
    yield from _strays(root, layout.EXERCISES, day, modules | day.helpers)
    yield from _strays(root, layout.SOLUTIONS, day, modules | day.helpers)
    yield from _strays(root, layout.GRADERS, day, _grader_names(day))


def _folders(tree: Path) -> list[str]:
    if not tree.is_dir():
        return []
    names = (entry.name for entry in tree.iterdir() if entry.is_dir())
    return sorted(name for name in names if not name.startswith((".", "__")))


def _misnamed(folder: str) -> Defect:
    problem = "is no day folder: it is not named `dayNN_slug`"
    return Defect(f"{layout.EXERCISES}/{folder}", "", problem, "rename or remove it")


def _numbered_twice(days: list[str]) -> Iterator[Defect]:
    first: dict[str, str] = {}
    for folder in days:
        other = first.setdefault(folder.partition("_")[0], folder)
        if other != folder:
            problem = f"has the number of `{other}`"
            yield Defect(f"{layout.EXERCISES}/{folder}", "", problem, "give it a number of its own")


def _missing(root: Path, day: DayDraft, name: str) -> Iterator[Defect]:
    for path in (layout.stub_file, layout.solution_file, layout.suite_file):
        file = path(day.folder, name)
        if not (root / file).is_file():
            remedy = (
                f"restore it with `git restore {file}`, write it, "
                f"or take `{name}` out of `{day.file}`"
            )
            yield Defect(file, "", "does not exist", remedy)


def _grader_names(day: DayDraft) -> set[str]:
    suites = {f"test_{name}.py" for name in day.names}
    return suites | {f"{name}{ending}" for name in day.names for ending in _ASIDE}


def _strays(root: Path, tree: str, day: DayDraft, known: Collection[str]) -> Iterator[Defect]:
    otherwise = f"remove it, or name its exercise in `{day.file}`"
    for path in sorted((root / tree / day.folder).glob("[!.]*")):
        if path.name.endswith((".py", *_ASIDE)) and path.name not in known:
            remedy = did_you_mean(path.name, known, otherwise)
            yield Defect(f"{tree}/{day.folder}/{path.name}", "", "belongs to no exercise", remedy)
