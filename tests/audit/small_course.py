"""A course of one exercise, copied, and copied with one thing wrong in each copy."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

COURSE: Final = Path(__file__).parent / "cases" / "course"
_DAY: Final = "day01_small"
_FILES: Final = {
    "stub": "exercises/{day}/{name}.py",
    "solution": "solutions/{day}/{name}.py",
    "suite": "graders/{day}/test_{name}.py",
    "mistakes": "graders/{day}/{name}.mistakes.toml",
    "variant": "graders/{day}/{name}.variants/through_mul.py",
    "survivors": "graders/{day}/{name}.survivors.toml",
    "day": "exercises/{day}/day.toml",
}


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong: in which file, which text, and what stands there instead.

    Without `find`, the file is `replace` as a whole.
    """

    file: str
    find: str
    replace: str


def copy_course(folder: Path) -> Path:
    """Copy the course as it is."""
    shutil.copytree(COURSE, folder, dirs_exist_ok=True)
    return folder


def course_with(folder: Path, flaws: dict[str, tuple[Flaw, ...]]) -> Path:
    """Make a course with an exercise of each name, each a copy of `scaled` with its flaws."""
    for name, wrong in flaws.items():
        for kind, place in _FILES.items():
            if kind != "day":
                _write(folder / _path(place, name), _flawed(kind, name, wrong))
    rows = [
        (_flawed("day", name, wrong) or "").partition("\n\n")[2] for name, wrong in flaws.items()
    ]
    day = folder / _path(_FILES["day"], "")
    day.write_text('title = "One day"\n\n' + "\n".join(rows), encoding="utf-8")
    shutil.copy(COURSE / "course.toml", folder)
    return folder


def line_of(root: Path, kind: str, name: str, text: str) -> int:
    """The number of the first line of a file that holds `text`."""
    lines = (root / _path(_FILES[kind], name)).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def path_of(kind: str, name: str) -> str:
    """Where a file of an exercise stands in the course."""
    return _path(_FILES[kind], name)


def _path(place: str, name: str) -> str:
    return place.format(day=_DAY, name=name)


def _flawed(kind: str, name: str, flaws: tuple[Flaw, ...]) -> str | None:
    original = COURSE / _path(_FILES[kind], "scaled")
    text = original.read_text(encoding="utf-8") if original.is_file() else None
    for flaw in flaws:
        if flaw.file == kind and not flaw.find:
            text = flaw.replace
        elif flaw.file == kind:
            assert text is not None
            assert text.count(flaw.find) == 1, (kind, flaw.find)
            text = text.replace(flaw.find, flaw.replace)
    return None if text is None else text.replace("scaled", name)


def _write(path: Path, text: str | None) -> None:
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
