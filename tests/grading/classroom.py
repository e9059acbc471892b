"""A course that grows while it is used, and submissions to it, graded by a real grader process."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Literal

from dlcourse.course import Course, Exercise
from dlcourse.grading.check import Request, check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dlcourse.grading.client import GraderProcess
    from dlcourse.grading.report import ExerciseReport, Report, TestReport

DAY = "day01_doubling"
KEY = "5eed"
"""What seeds derive from, in hexadecimal."""
DOUBLE = """
def double(x):
    return 2 * x
"""
SUITE = """
import torch
from dlcourse.testing import points

@points(2)
def test_value(student, gen):
    \"\"\"Each number is doubled.\"\"\"
    x = torch.rand(8, generator=gen)
    assert torch.equal(student.double(x), 2 * x)

def test_zero(student):
    \"\"\"Zero stays zero.\"\"\"
    assert student.double(torch.zeros(3)).sum() == 0
"""


class Silent:
    """A listener that says nothing."""

    def exercise_started(
        self, name: str, title: str, file: str, *, problem: str | None = None
    ) -> None:
        """Say nothing."""

    def test_finished(self, test: TestReport) -> None:
        """Say nothing."""

    def exercise_finished(self, exercise: ExerciseReport) -> None:
        """Say nothing."""


@dataclass
class Classroom:
    """A course in `root`/course, whose exercises are made by the test that needs them."""

    root: Path
    grader: GraderProcess
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def course(self) -> Course:
        """The course; its exercises are handed over one by one."""
        return Course(root=self.root / "course", title="Doubling", days=())

    def exercise(self, suite: str = SUITE, solution: str = DOUBLE, **fields: Any) -> Exercise:
        """Write a suite and a solution and return their exercise."""
        exercise = Exercise(
            name=f"exercise_{next(self._numbers)}",
            title="Doubling",
            difficulty=1,
            minutes=20,
            hints=("Add.", "Multiply.", "Write `2 * x`."),
            root=self.root / "course",
            day=DAY,
            **{"weight": 1.0, **fields},
        )
        _write(exercise.suite, suite)
        _write(exercise.solution, solution)
        return exercise

    def submission(self, *pairs: tuple[Exercise, str]) -> Path:
        """Write a submission of some exercises and return its folder."""
        folder = self.root / f"submission_{next(self._numbers)}"
        folder.mkdir()
        for exercise, source in pairs:
            _write(folder / exercise.day / f"{exercise.name}.py", source)
        return folder

    def check(
        self,
        workdir: Path,
        *exercises: Exercise,
        run: int = 1,
        only: tuple[str, ...] = (),
        isolation: Literal["exercise", "test"] = "exercise",
    ) -> Report:
        """Grade a submission."""
        request = Request(self.course, exercises, workdir, run, only, isolation)
        return check(request, self.grader, Silent())

    def grade(
        self, source: str, suite: str = SUITE, solution: str = DOUBLE, **options: Any
    ) -> ExerciseReport:
        """Grade the source of one submission to a new exercise."""
        exercise = self.exercise(suite, solution)
        report = self.check(self.submission((exercise, source)), exercise, **options)
        return report.exercises[0]

    def only_test(self, source: str, suite: str, solution: str = DOUBLE) -> TestReport:
        """Grade a submission to a suite of one test and return that test."""
        (test,) = self.grade(source, suite, solution).tests
        return test


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")


def outcomes(report: ExerciseReport) -> list[str]:
    """How each test ended, in order."""
    return [str(test.outcome) for test in report.tests]


def without_timing(data: Any) -> Any:
    """Return a report's JSON data without what may differ between two equal runs."""
    match data:
        case dict():
            return {key: without_timing(part) for key, part in data.items() if key != "timing"}
        case list():
            return [without_timing(part) for part in data]
        case _:
            return data
