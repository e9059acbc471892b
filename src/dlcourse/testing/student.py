"""The `student` fixture: graded code as a suite's author sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from dlcourse.sandbox.driver import compile_driver
from dlcourse.sandbox.faults import MissingName, WrongAnswer
from dlcourse.sandbox.values import has_plain_form
from dlcourse.testing.repeat import Repeat, no_problem, result_problem
from dlcourse.testing.structure import structure_problem
from dlcourse.testing.twin_access import bind
from dlcourse.testing.twins import Twins

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from dlcourse.sandbox.observation import Observation
    from dlcourse.sandbox.stand_in import StandIn
    from dlcourse.testing.backend import Backend
    from dlcourse.testing.repeat import Problem


class Solution(Protocol):
    """The `solution` fixture: the reference module, with the names that the exercise asks for."""

    def __getattr__(self, name: str) -> Any:
        """Return a name of the module."""


@dataclass
class Seat:
    """The learner's place in one run of one test: who sits there and what they are measured by.

    `file` is the learner's file as sentences name it, `forbidden` what the exercise forbids.
    `claims` tells whether the test so far has asked the worker about itself.
    """

    backend: Backend
    solution: ModuleType
    file: str
    claims: bool = False
    forbidden: tuple[str, ...] = ()
    twins: Twins = field(default_factory=Twins)

    def bind(self, stand_in: StandIn, twin: Any) -> None:
        """Let an object of graded code be measured by the solution's."""
        bind(self, stand_in, twin)


class Student:
    """Graded code: its names are callables that run it where it is confined.

    Every public attribute is a name of the submission, so what the framework needs to know about
    a student stands in its seat.
    """

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    def __getattr__(self, name: str) -> Any:
        """Return a function or a value of the submission.

        Raises MissingName where the submission lacks it, and AttributeError where the solution
        does: then the suite is at fault.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        expected = getattr(self._seat.solution, name)
        _require(self._seat, name, expected)
        if callable(expected):
            return StudentFunction(self._seat, name)
        value = self._seat.backend.value(name)
        _refuse(structure_problem(value, expected, f"`{name}`"))
        return value


def _require(seat: Seat, name: str, expected: Any) -> None:
    """Raise MissingName unless the submission defines `name` as what the solution has there."""
    kind = seat.backend.names.get(name)
    if kind is None:
        raise MissingName(f"`{seat.file}` does not define `{name}`: define it as the stub does")
    wanted = ("class",) if isinstance(expected, type) else ("function", "class")
    if callable(expected) and kind not in wanted:
        found = f"a {kind}" if kind == "function" else f"a value of type `{kind}`"
        raise MissingName(
            f"`{name}` in `{seat.file}` is {found}: define it as a {wanted[0]}, as the stub does"
        )


def drive(
    student: Student,
    name: str,
    source: str,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
) -> Any:
    """Run an `@in_worker` function beside graded code; what it returns is a claim.

    Objects among the arguments change with what it does, so their twins do the same. Structures
    are not compared.
    """
    seat = student._seat  # noqa: SLF001 - a public name would hide one of the submission
    seat.claims = True

    def reference(*copies: Any, **named: Any) -> Any:
        return compile_driver(source, name)(seat.solution, *copies, **named)

    repeat = Repeat(seat, f"the result of `{name}`", reference, arguments, keywords)
    return repeat.followed(lambda: seat.backend.drive(name, source, arguments, keywords))


class StudentFunction:
    """A function or class of graded code; dotted names below it (`Swish.apply`) are such too."""

    def __init__(self, seat: Seat, path: str) -> None:
        self._seat = seat
        self._path = path

    def __getattr__(self, name: str) -> Any:
        """Return the function below this one, or the plain value, as the solution has it there."""
        if name.startswith("_"):
            raise AttributeError(name)
        path = f"{self._path}.{name}"
        expected = getattr(self._reference(), name)
        if not has_plain_form(expected):
            return StudentFunction(self._seat, path)
        value = self._seat.backend.value(path)
        _refuse(structure_problem(value, expected, f"`{path}`"))
        return value

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call graded code and return its answer, once its structure is the solution's."""
        return self._answer(result_problem, arguments, keywords)

    def unchecked(self, *arguments: Any, **keywords: Any) -> Any:
        """Call graded code without comparing structures.

        For answers whose shape depends on data that ties or rounding decide.
        """
        return self._answer(no_problem, arguments, keywords)

    def observed(self, *arguments: Any, **keywords: Any) -> Observation:
        """Call graded code and return what it left behind as well, by the worker's own claim."""
        repeat = self._repeat(arguments, keywords)
        return repeat.observation(
            lambda: self._seat.backend.observe(self._path, arguments, keywords)
        )

    def inplace(self, *arguments: Any, **keywords: Any) -> tuple[Any, ...]:
        """Call graded code and return the positional arguments as they are afterwards."""
        return self.observed(*arguments, **keywords).arguments

    def _answer(
        self, problem: Problem, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Any:
        repeat = self._repeat(arguments, keywords)
        repeat.problem = problem
        return repeat.answer(lambda: self._seat.backend.call(self._path, arguments, keywords))

    def _repeat(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Repeat:
        """The same call of the solution."""
        what = f"the result of `{self._path}`"
        return Repeat(self._seat, what, self._reference(), arguments, keywords)

    def _reference(self) -> Any:
        """The solution's function or class."""
        reference: Any = self._seat.solution
        for name in self._path.split("."):
            reference = getattr(reference, name)
        return reference

    def __repr__(self) -> str:
        return f"<graded {self._path}>"


def _refuse(problem: str | None) -> None:
    if problem:
        raise WrongAnswer(problem)
