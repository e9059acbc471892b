"""What a course is: days in order, each with exercises in order."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotations when it runs
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from dlcourse.course import layout, names
from dlcourse.course.tables import ExerciseTable
from dlcourse.course.values import Tier  # noqa: TC001 - pydantic reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exercise(ExerciseTable):
    """One stub file with its solution and its suite.

    `day` is the day's folder name and `root` the course's folder. `weight` is the exercise's own
    times its day's. The paths are computed; those of the mistakes and the variants may not exist.
    """

    root: Path
    day: str
    weight: float

    @property
    def stub(self) -> Path:
        """The file that the learner fills in."""
        return self.root / layout.stub_file(self.day, self.name)

    @property
    def solution(self) -> Path:
        """The reference solution."""
        return self.root / layout.solution_file(self.day, self.name)

    @property
    def suite(self) -> Path:
        """The hidden tests."""
        return self.root / layout.suite_file(self.day, self.name)

    @property
    def mistakes_file(self) -> Path:
        """The planted mistakes, if there are any."""
        return self.root / layout.mistakes_file(self.day, self.name)

    @property
    def signatures_file(self) -> Path:
        """What the audit has seen of the planted mistakes, if it has."""
        return self.root / layout.signatures_file(self.day, self.name)

    @property
    def survivors_file(self) -> Path:
        """The mutants of the solution that are no mistakes, if there are any."""
        return self.root / layout.survivors_file(self.day, self.name)

    @property
    def variants(self) -> tuple[Path, ...]:
        """Other correct solutions, sorted by name."""
        folder = self.root / layout.variants_folder(self.day, self.name)
        return tuple(sorted(folder.glob("*.py")))


class Day(BaseModel):
    """A day: its folder name, `dayNN_slug`, its title, and its exercises in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    title: str
    exercises: tuple[Exercise, ...]

    @property
    def number(self) -> int:
        """The NN of the folder's name."""
        return int(self.folder[len("day") :][:2])


class Course(BaseModel):
    """A course: its folder, its title, and its days in order.

    `required` is how strongly its graded code must be held, at least.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: Path
    title: str
    days: tuple[Day, ...]
    required: Tier = "none"

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """All exercises, in the course's order."""
        return tuple(exercise for day in self.days for exercise in day.exercises)

    def resolve(self, text: str) -> tuple[Exercise, ...]:
        """Return the exercises that a typed name stands for, in the course's order.

        A name is a day (`day03`, `3`, `day03_tensors`), an exercise (`NAME`, `3/NAME`), the path
        of a stub or of a day's folder, or `all`.

        Raises:
            UsageError: `text` names nothing here, or a day that holds no exercise.
        """
        return names.resolve(self, text)

    def resolve_all(self, texts: Iterable[str]) -> tuple[Exercise, ...]:
        """Return the exercises of several typed names, once each, in the course's order.

        Raises:
            UsageError: one of `texts` names nothing here.
        """
        chosen = {exercise.name for text in texts for exercise in self.resolve(text)}
        return tuple(exercise for exercise in self.exercises if exercise.name in chosen)
