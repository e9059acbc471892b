"""What a suite's author writes above a test."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from dlcourse.testing.student import Student, drive

_Test = TypeVar("_Test", bound=Callable[..., None])

DEFAULT_POINTS = 1.0


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

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = function.__name__
        self.source = _bare_source(function)
        self.__doc__ = function.__doc__

    def __call__(self, student: Student, *arguments: Any, **keywords: Any) -> Any:
        """Run it where graded code is; `student` there is the submission's module."""
        return drive(student, self.name, self.source, arguments, keywords)


def in_worker(function: Callable[..., Any]) -> WorkerFunction:
    """Send a function as source and run it beside graded code.

    Its first parameter is the submission's module; it sees `torch`, `math` and its arguments,
    and returns plain values. Its source is public to graded code, so it must hold no expected
    value, and its result is a claim.
    """
    return WorkerFunction(function)


def _bare_source(function: Callable[..., Any]) -> str:
    """The function's source without its decorators."""
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef)
    return "\n".join(source.splitlines()[definition.lineno - 1 :]) + "\n"
