"""The programs that an audit hands in, as a learner would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dlcourse.audit.trivial import trivial_sources
from dlcourse.course import layout

if TYPE_CHECKING:
    from dlcourse.course import Exercise, Mistake

Kind = Literal["stub", "solution", "variant", "mistake", "mutant", "trivial"]


@dataclass(frozen=True)
class Program:
    """One file to grade: what it is, its name among its kind, where it comes from, its text.

    `file` is relative to the course and `line` is where in it the program is written down.
    """

    kind: Kind
    name: str
    file: str
    source: str
    line: int = 1


def stub_of(exercise: Exercise) -> Program:
    """What a learner starts from."""
    file = layout.stub_file(exercise.day, exercise.name)
    return Program("stub", "stub", file, _text(exercise, file))


def solution_of(exercise: Exercise) -> Program:
    """The reference solution."""
    file = layout.solution_file(exercise.day, exercise.name)
    return Program("solution", "solution", file, _text(exercise, file))


def variants_of(exercise: Exercise) -> tuple[Program, ...]:
    """The other correct solutions."""
    folder = layout.variants_folder(exercise.day, exercise.name)
    files = [(path.stem, f"{folder}/{path.name}") for path in exercise.variants]
    return tuple(Program("variant", name, file, _text(exercise, file)) for name, file in files)


def mistake_of(exercise: Exercise, mistake: Mistake, line: int) -> Program:
    """A planted mistake; raises CourseDefects where it does not fit the solution."""
    solution = solution_of(exercise)
    return Program("mistake", mistake.id, mistake.file, mistake.apply(solution.source), line)


def trivials_of(exercise: Exercise) -> tuple[Program, ...]:
    """Answers that took no thought, in the right shape."""
    solution = solution_of(exercise)
    return tuple(
        Program("trivial", name, solution.file, source)
        for name, source in trivial_sources(solution.source).items()
    )


def _text(exercise: Exercise, file: str) -> str:
    return (exercise.root / file).read_text(encoding="utf-8")
