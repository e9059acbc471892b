"""What is wrong with a course: found all at once, each with its place and its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from dlcourse.errors import CourseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong with a course.

    `file` is relative to the course; `key` is a place inside it, or empty where the file as a
    whole is meant. `problem` continues the sentence that they begin; `remedy` says what to do.
    `line` is counted from 1, or 0 where no line is known.
    """

    file: str
    key: str
    problem: str
    remedy: str
    line: int = 0

    def __str__(self) -> str:
        file = f"{self.file}:{self.line}" if self.line else self.file
        place = f"{file}: {self.key}" if self.key else file
        return _on_one_line(f"{place}: {self.problem}; {self.remedy}")


class CourseDefects(CourseError):  # noqa: N818 - the plural is the point: all defects at once
    """All that is wrong with a course; as text, one line for each defect."""

    def __init__(self, defects: Iterable[Defect]) -> None:
        self.defects = tuple(defects)
        super().__init__(self.defects)

    def __str__(self) -> str:
        return "\n".join(map(str, self.defects))


def attempt(
    found: list[Defect],
    step: Callable[_Given, _Result],
    *args: _Given.args,
    **kwargs: _Given.kwargs,
) -> _Result | None:
    """Return what `step` returns; None if it raises defects, which are then added to `found`."""
    try:
        return step(*args, **kwargs)
    except CourseDefects as error:
        found.extend(error.defects)
        return None


def _on_one_line(text: str) -> str:
    # Keys and file names are quoted as they stand, and may hold line breaks or terminal escapes.
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
