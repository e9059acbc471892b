"""Planted mistakes: wrong versions of a solution, told as changes to its source."""

from __future__ import annotations

import ast
from operator import itemgetter
from typing import TYPE_CHECKING

from dlcourse.course import layout
from dlcourse.course.defects import CourseDefects, Defect, attempt
from dlcourse.course.reading import parse, read_toml
from dlcourse.course.tables import Edit, MistakesTable, MistakeTable

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.course.model import Exercise

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Mistake(MistakeTable):
    """A planted mistake; `file` is where it is written, relative to the course."""

    file: str

    def apply(self, solution_source: str) -> str:
        """Return the source of the solution with this mistake in it.

        Raises:
            CourseDefects: the change does not fit this source, or the result does not compile.
        """
        if self.function is None:
            wrong = self._edited(solution_source)
        else:
            wrong = self._replaced(solution_source, self.function)
        if wrong == solution_source:
            raise self._refusal("", "changes nothing", "plant a difference")
        self._tree(wrong, "the wrong version")
        return wrong

    def _edited(self, source: str) -> str:
        # Places are found in the solution as it stands, so the order of the edits is of no account.
        placed = [
            (self._place(source, edit, number), edit) for number, edit in enumerate(self.edits, 1)
        ]
        pieces: list[str] = []
        end = 0
        for start, edit in sorted(placed, key=itemgetter(0)):
            if start < end:
                raise self._refusal("edit", "has edits that overlap", "join them into one")
            pieces += [source[end:start], edit.replace]
            end = start + len(edit.find)
        return "".join([*pieces, source[end:]])

    def _place(self, source: str, edit: Edit, number: int) -> int:
        start = source.find(edit.find)
        if start < 0:
            raise self._refusal(
                f"edit#{number}.find", "is not in the solution", "copy the lines exactly"
            )
        if start != source.rfind(edit.find):
            raise self._refusal(
                f"edit#{number}.find",
                "is in the solution more than once",
                "add lines around it until it is there once",
            )
        return start

    def _replaced(self, source: str, function: str) -> str:
        name = self._defined_name(function)
        solution = self._tree(source, "the solution").body
        found = [node for node in solution if isinstance(node, _Definition) and node.name == name]
        if len(found) != 1:
            raise self._refusal(
                "function",
                f"defines `{name}`, which the solution defines {len(found)} times",
                "replace a function or class that stands there once, at the top level",
            )
        lines = source.split("\n")
        before, after = lines[: _first_line(found[0]) - 1], lines[found[0].end_lineno :]
        return "\n".join([*before, function, *after])

    def _defined_name(self, function: str) -> str:
        match self._tree(function, "the function").body:
            case [ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() as definition]:
                return definition.name
            case _:
                raise self._refusal(
                    "function", "is not one function or class", "write one definition"
                )

    def _tree(self, source: str, what: str) -> ast.Module:
        try:
            compile(source, what, "exec", dont_inherit=True)
            return ast.parse(source)
        except (SyntaxError, ValueError) as error:
            problem = f"does not compile: {error}"
            raise self._refusal("", problem, "correct the Python") from None

    def _refusal(self, key: str, problem: str, remedy: str) -> CourseDefects:
        place = f"mistake.{self.id}.{key}".removesuffix(".")
        return CourseDefects([Defect(self.file, place, problem, remedy)])


def load_mistakes(exercise: Exercise) -> tuple[Mistake, ...]:
    """Return the planted mistakes of `exercise`, each tried on its solution; none without a file.

    Raises:
        CourseDefects: all that is wrong with the file, at once.
    """
    if not exercise.mistakes_file.is_file():
        return ()
    file = layout.mistakes_file(exercise.day, exercise.name)
    mistakes = _read(exercise.root, file)
    solution = exercise.solution.read_text(encoding="utf-8")
    found: list[Defect] = []
    for mistake in mistakes:
        attempt(found, mistake.apply, solution)
    if found:
        raise CourseDefects(found)
    return mistakes


def planted(file: Path) -> tuple[Mistake, ...]:
    """Return the planted mistakes in a file, none of them tried yet; raises CourseDefects."""
    return _read(file.parent, file.name)


def _read(root: Path, file: str) -> tuple[Mistake, ...]:
    table = parse(MistakesTable, read_toml(root, file), file)
    return tuple(
        Mistake(**mistake.model_dump(by_alias=True), file=file) for mistake in table.mistake
    )


def _first_line(node: _Definition) -> int:
    return min(part.lineno for part in (node, *node.decorator_list))
