"""Mutants that no test catches, with the reasons why that is right: `NAME.survivors.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.audit.model import Finding, Survivor
from dlcourse.course import layout
from dlcourse.course.reading import parse, read_toml
from dlcourse.course.tables import SurvivorsTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlcourse.audit.mutants.generate import Mutant
    from dlcourse.course import Exercise


def reasons_of(exercise: Exercise) -> dict[str, str]:
    """Return the reasons by the mutants' names; raises CourseDefects."""
    if not exercise.survivors_file.is_file():
        return {}
    file = layout.survivors_file(exercise.day, exercise.name)
    table = parse(SurvivorsTable, read_toml(exercise.root, file), file)
    return {row.mutant: row.reason for row in table.survivor}


def explained(mutants: Sequence[Mutant], reasons: dict[str, str]) -> tuple[Survivor, ...]:
    """Return the survivors, each with its reason if there is one."""
    return tuple(
        Survivor(
            mutant=mutant.name,
            line=mutant.line,
            kind=mutant.kind,
            reason=reasons.get(mutant.name),
        )
        for mutant in mutants
    )


def survivors_are_explained(
    exercise: Exercise, survivors: Sequence[Survivor], reasons: dict[str, str]
) -> Iterator[Finding]:
    """4: each mutant is killed, or listed with the reason why it is equivalent."""
    solution = layout.solution_file(exercise.day, exercise.name)
    file = layout.survivors_file(exercise.day, exercise.name)
    for survivor in survivors:
        if survivor.reason is None:
            yield Finding(
                gate=4,
                file=solution,
                line=survivor.line,
                problem=f"no test tells the mutant `{survivor.mutant}` from the solution",
                remedy=f"add a test that does, or write in `{file}` why it is equivalent",
            )
    alive = {survivor.mutant for survivor in survivors}
    for mutant in reasons:
        if mutant not in alive:
            yield Finding(
                gate=4,
                file=file,
                line=_line_of(exercise, mutant),
                problem=f"the mutant `{mutant}` is killed, or not made any more",
                remedy="take its row out",
            )


def _line_of(exercise: Exercise, mutant: str) -> int:
    lines = exercise.survivors_file.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if mutant in line), 1)
