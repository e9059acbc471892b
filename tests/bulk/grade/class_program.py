"""A small course and a class of submissions, graded by the program as an instructor runs it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

DAY: Final = "day01_numbers"
NAMES: Final = ("double", "halve")
RIGHT: Final = {"double": "2 * x", "halve": "x / 2"}
_DAY_FILE: Final = """
    [[exercise]]
    name = "{name}"
    title = "{name}"
    difficulty = 1
    minutes = 5
    hints = ["a", "b", "c"]
"""
_SUITE: Final = '''
    """The hidden suite of `{name}`."""

    import torch
    from dlcourse.testing import assert_values_match, points


    @points(2)
    def test_value(student, gen):
        """Each number is right."""
        x = torch.randn(9, generator=gen)
        assert_values_match(student.{name}(x), {right}, what="the result")


    @points(1)
    def test_zero(student):
        """Zero stays zero."""
        x = torch.zeros(3)
        assert_values_match(student.{name}(x), x, what="the result")
'''


def source(name: str, body: str) -> str:
    """A submission's file whose function returns `body`."""
    return f"def {name}(x):\n    return {body}\n"


def write(path: Path, text: str) -> Path:
    """Write a file with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return path


def make_course(root: Path) -> Path:
    """Make a course of one day with two exercises."""
    write(root / "course.toml", 'format = 1\ntitle = "Numbers"\n')
    rows = "".join(dedent(_DAY_FILE).format(name=name) for name in NAMES)
    write(root / "exercises" / DAY / "day.toml", f'title = "Numbers"\n{rows}')
    for name, right in RIGHT.items():
        write(root / "exercises" / DAY / f"{name}.py", source(name, "..."))
        write(root / "solutions" / DAY / f"{name}.py", source(name, right))
        write(root / "graders" / DAY / f"test_{name}.py", _SUITE.format(name=name, right=right))
    return root


@dataclass(frozen=True)
class Class:
    """A folder with a course, submissions and a gradebook."""

    root: Path

    @property
    def book(self) -> Path:
        """The gradebook's file."""
        return self.root / "gradebook.db"

    @property
    def suite(self) -> Path:
        """The suite of `double`."""
        return self.root / "course" / "graders" / DAY / "test_double.py"

    def hand_in(self, student: str, **bodies: str) -> None:
        """Hand in a folder with the functions that return these expressions."""
        for name, body in bodies.items():
            write(self.root / "class" / student / DAY / f"{name}.py", source(name, body))

    def hand_in_zip(self, student: str, entries: dict[str, str]) -> None:
        """Hand in a zip file."""
        path = self.root / "class" / f"{student}.zip"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in entries.items():
                archive.writestr(name, text)

    def forget(self) -> None:
        """Begin a new gradebook."""
        for path in self.root.glob("gradebook.db*"):
            path.unlink()

    def command(self, *words: str) -> list[str]:
        """The command line of a run over everything."""
        course = str(self.root / "course")
        return [
            *(sys.executable, "-m", "dlcourse", "grade", "class", "--day", "all"),
            *("--course", course, "--require-confinement", "none", *words),
        ]

    def environment(self) -> dict[str, str]:
        """The environment of a run: plain output, and a secret of its own."""
        kept = {name: value for name, value in os.environ.items() if name != "DLCOURSE_COURSE"}
        secret = str(self.root / "secret")
        return {**kept, "COLUMNS": "100", "NO_COLOR": "1", "DLCOURSE_SECRET_FILE": secret}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Grade the class to the end."""
        return self.call(self.command(*words))

    def gradebook(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `dlcourse gradebook`."""
        return self.call([sys.executable, "-m", "dlcourse", "gradebook", *words])

    def call(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in this class's folder."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def results(self) -> list[tuple[Any, ...]]:
        """What the gradebook holds of each result, sorted, without times and numbers."""
        if not self.book.exists():
            return []
        with sqlite3.connect(self.book) as connection:
            rows = connection.execute(
                "SELECT s.key, a.exercise, a.content, r.key, r.points, r.earned, count(*)"
                " FROM result r JOIN attempt a ON r.attempt_id = a.id"
                " JOIN student s ON a.student_id = s.id GROUP BY 1, 2, 3, 4, 5, 6"
            ).fetchall()
        connection.close()
        return sorted(rows)


def make_class(root: Path) -> Class:
    """Make a course without any submission yet."""
    make_course(root / "course")
    return Class(root)


def copy_class(found: Class, root: Path) -> Class:
    """Copy a class with all that was handed in, and with its gradebook if it has one."""
    shutil.copytree(found.root, root, symlinks=True)
    return Class(root)
