"""The `student` fixture: graded code as a suite's author sees it."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol

from dlcourse.sandbox.faults import MissingName, WrongAnswer
from dlcourse.sandbox.observation import Observation
from dlcourse.testing.backend import Backend
from dlcourse.testing.replicas import replicas
from dlcourse.testing.structure import structure_problem


class Solution(Protocol):
    """The `solution` fixture: the reference module, with the names that the exercise asks for."""

    def __getattr__(self, name: str) -> Any:
        """Return a name of the module."""


class Student:
    """Graded code: its names are callables that run it where it is confined.

    Every public attribute is a name of the submission, so what the framework needs of a student
    stands in functions beside this class.
    """

    def __init__(self, backend: Backend, solution: ModuleType, file: str) -> None:
        self._backend = backend
        self._solution = solution
        self._file = file
        self._claims = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        expected = getattr(self._solution, name, None)
        kind = self._backend.names.get(name)
        if kind is None:
            raise MissingName(f"`{self._file}` does not define `{name}`: define it as the stub does")
        if not callable(expected):
            return self._backend.value(name)
        if kind not in ("function", "class"):
            raise MissingName(f"`{name}` in `{self._file}` is of type `{kind}`, not a function")
        return StudentFunction(self, name)


def drive(
    student: Student,
    name: str,
    source: str,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
) -> Any:
    """Run an `@in_worker` function beside graded code; what it returns is a claim."""
    student._claims = True
    return student._backend.drive(name, source, arguments, keywords)


def rests_on_claims(student: Student) -> bool:
    """Whether the test so far has asked the worker about itself."""
    return student._claims


class StudentFunction:
    """A function of graded code; dotted names below it (`Swish.apply`) are functions too."""

    def __init__(self, student: Student, path: str) -> None:
        self._student = student
        self._path = path

    def __getattr__(self, name: str) -> StudentFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return StudentFunction(self._student, f"{self._path}.{name}")

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call graded code and return its answer, once its structure is the solution's."""
        spare = replicas((arguments, keywords))
        answer = self._student._backend.call(self._path, arguments, keywords)
        self._check(answer, *spare)
        return answer

    def unchecked(self, *arguments: Any, **keywords: Any) -> Any:
        """Call graded code without comparing structures: for answers whose shape depends on data
        that ties or rounding decide."""
        return self._student._backend.call(self._path, arguments, keywords)

    def observed(self, *arguments: Any, **keywords: Any) -> Observation:
        """Call graded code and return what it left behind as well, by the worker's own claim."""
        self._student._claims = True
        spare = replicas((arguments, keywords))
        seen = self._student._backend.observe(self._path, arguments, keywords)
        self._check(seen.result, *spare)
        return seen

    def inplace(self, *arguments: Any, **keywords: Any) -> tuple[Any, ...]:
        """Call graded code and return the positional arguments as they are afterwards."""
        return self.observed(*arguments, **keywords).arguments

    def _check(
        self, answer: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> None:
        """Raise WrongAnswer unless `answer` is built as the solution's is."""
        reference: Any = self._student._solution
        for name in self._path.split("."):
            reference = getattr(reference, name)
        try:
            expected = reference(*arguments, **keywords)
        except Exception:  # noqa: BLE001 - where the solution raises, the suite expects so
            return
        problem = structure_problem(answer, expected, f"the result of `{self._path}`")
        if problem:
            hint = ": does every path end in `return`?" if answer is None else ""
            raise WrongAnswer(problem + hint)

    def __repr__(self) -> str:
        return f"<graded {self._path}>"

