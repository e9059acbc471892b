"""The mutants that are made of a solution."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from dlcourse.audit.mutants.generate import Mutant, mutants_of

GOLDEN = Path(__file__).parent / "cases" / "mutants"
SOURCES = sorted(GOLDEN.glob("*.py"))


def told(mutants: tuple[Mutant, ...]) -> str:
    """One line for each mutant."""
    return "".join(f"{one.line} {one.kind} | {one.name}\n" for one in mutants)


@pytest.mark.parametrize("source", [pytest.param(path, id=path.stem) for path in SOURCES])
def test_mutants_are_the_golden_ones(source: Path) -> None:
    """A source has the mutants that are written down beside it, in the order of its lines."""
    golden = source.with_suffix(".txt")
    found = told(mutants_of(source.read_text()))
    if os.environ.get("DLCOURSE_REGENERATE"):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("source", [pytest.param(path, id=path.stem) for path in SOURCES])
def test_mutants_are_programs_that_differ(source: Path) -> None:
    """Each mutant is a program, no two are equal, none is the solution, names are unique."""
    text = source.read_text()
    mutants = mutants_of(text)
    programs = {ast.dump(ast.parse(one.source)) for one in mutants}
    assert len(programs) == len(mutants)
    assert ast.dump(ast.parse(text)) not in programs
    assert len({one.name for one in mutants}) == len(mutants)


def test_solution_is_left_as_it_was() -> None:
    """The mutants of a source do not depend on whether they were made before."""
    text = SOURCES[0].read_text()
    assert mutants_of(text) == mutants_of(text)


def test_name_does_not_depend_on_lines_above() -> None:
    """A mutant keeps its name when lines are put above it."""
    text = "def f(x):\n    return x + 1\n"
    names = [one.name for one in mutants_of(text)]
    assert names == [one.name for one in mutants_of(f"import math\n\n\n{text}")]


@pytest.mark.parametrize(
    "text",
    [
        'def f(x: int = 1) -> "int":\n    """Return 3."""\n    raise ValueError(f"not {x + 1}")\n',
        "from typing import TypeVar\nT = TypeVar('T', bound=int)\n__all__ = ['T']\n",
        "def f(x):\n    assert x > 3, 'too small'\n",
    ],
)
def test_what_no_suite_judges_is_left_alone(text: str) -> None:
    """Docstrings, annotations, messages, type variables and assertions have no mutants."""
    kinds = {one.kind for one in mutants_of(text)}
    assert kinds <= {"exception", "statement dropped", "constant"}
    assert not [one for one in mutants_of(text) if "assert" in one.before]
