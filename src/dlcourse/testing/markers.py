"""What a suite's author writes above a test."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeAlias, TypeVar, overload

import pytest

from dlcourse.testing.student import Student, drive

_Test = TypeVar("_Test", bound=Callable[..., None])

DEFAULT_POINTS = 1.0

Used: TypeAlias = Callable[..., Any] | ModuleType
_FUTURE: Final = "from __future__ import annotations\n"


def points(value: float) -> Callable[[_Test], _Test]:
    """Let a test carry `value` points; 0 makes it informative. Without it a test carries 1."""
    if not 0 <= value < math.inf:
        raise ValueError(f"`points({value})` cannot be: a test carries 0 points or more")
    mark: Callable[[_Test], _Test] = pytest.mark.points(value)
    return mark


def requires(*names: str) -> Callable[[_Test], _Test]:
    """Do not run a test unless the tests `names`, earlier in the file, passed; it then counts 0.

    The name of a parametrised test stands for all of its cases.
    """
    mark: Callable[[_Test], _Test] = pytest.mark.requires(*names)
    return mark


def fresh(test: _Test) -> _Test:
    """Give a test a worker of its own."""
    marked: _Test = pytest.mark.fresh(test)
    return marked


class WorkerFunction:
    """A function of a suite that runs beside graded code."""

    def __init__(self, function: Callable[..., Any], uses: tuple[Used, ...] = ()) -> None:
        self.name = function.__name__
        self.source = "\n\n".join([*map(_bare_source, uses), _bare_source(function)])
        self.__doc__ = function.__doc__

    def __call__(self, student: Student, *arguments: Any, **keywords: Any) -> Any:
        """Run it where graded code is; `student` there is the submission's module."""
        return drive(student, self.name, self.source, arguments, keywords)


@overload
def in_worker(function: Callable[..., Any]) -> WorkerFunction: ...


@overload
def in_worker(*, uses: tuple[Used, ...]) -> Callable[[Callable[..., Any]], WorkerFunction]: ...


def in_worker(
    function: Callable[..., Any] | None = None, *, uses: tuple[Used, ...] = ()
) -> WorkerFunction | Callable[[Callable[..., Any]], WorkerFunction]:
    """Send a function as source and run it beside graded code.

    Its first parameter is the submission's module; it sees `torch`, `math`, its arguments and what
    it `uses`, and returns plain values. Its source is public to graded code, so it must hold no
    expected value, and its result is a claim.

    `@in_worker(uses=(helper, Recorder, ranks))` sends functions, classes and modules along, in this
    order. A module is sent whole; it may import what a worker has: the standard library and torch.
    """
    if function is None:
        return lambda decorated: WorkerFunction(decorated, uses)
    return WorkerFunction(function, uses)


def _bare_source(used: Used) -> str:
    """The source of a definition without its decorators, or of a module."""
    source = textwrap.dedent(inspect.getsource(used))
    if isinstance(used, ModuleType):
        # The driver as a whole begins with this line, and it may stand nowhere else.
        return source.replace(_FUTURE, "")
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
    if isinstance(definition, ast.ClassDef):
        return source
    return "\n".join(source.splitlines()[definition.lineno - 1 :]) + "\n"
