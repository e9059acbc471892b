"""The names of days and exercises, as people type them."""

from __future__ import annotations

import re
from itertools import dropwhile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dlcourse.course.layout import EXERCISES
from dlcourse.course.suggestion import nearest
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.course.model import Course, Day, Exercise

_NUMBER = re.compile(r"(?:day)?([0-9]{1,3})")


def resolve(course: Course, text: str) -> tuple[Exercise, ...]:
    """Return the exercises that `text` stands for, in the course's order.

    A path is read by its form alone, so that a learner's copy of a stub names its exercise.

    Raises:
        UsageError: `text` names nothing here, or a day that holds no exercise.
    """
    match _parts(text):
        case ["all"]:
            found = course.exercises
        case [word]:
            found = _day(course, word) or _named(course.exercises, word)
        case [day, name]:
            found = _named(_day(course, day), name)
        case _:
            found = ()
    if not found:
        raise UsageError(_unknown(course, text))
    return found


def find_day(course: Course, text: str) -> Day:
    """Return the day that `text` stands for: `day03`, `3` or `day03_tensors`.

    Raises:
        UsageError: the course has no such day.
    """
    found = next(_days(course, text), None)
    if found is None:
        near = nearest(text, [day.folder for day in course.days])
        offer = f"did you mean `{near}`? Make a new day" if near else "make it"
        raise UsageError(
            f"`{text}` is no day here: {offer} with `dlcourse new day NN SLUG --title TITLE`."
        )
    return found


def _parts(text: str) -> list[str]:
    parts = list(PurePosixPath(text).parts)
    if EXERCISES in parts[:-1]:
        last = len(parts) - 1 - parts[::-1].index(EXERCISES)
        return parts[last + 1 :]
    return list(dropwhile(lambda part: part == "..", parts))


def _day(course: Course, word: str) -> tuple[Exercise, ...]:
    return next((_held(day, word) for day in _days(course, word)), ())


def _days(course: Course, word: str) -> Iterator[Day]:
    number = _NUMBER.fullmatch(word)
    wanted = int(number[1]) if number else None
    return (day for day in course.days if word == day.folder or wanted == day.number)


def _held(day: Day, word: str) -> tuple[Exercise, ...]:
    if not day.exercises:
        raise UsageError(
            f"`{word}` holds no exercise yet: type `dlcourse list` to see the days that do."
        )
    return day.exercises


def _named(exercises: tuple[Exercise, ...], word: str) -> tuple[Exercise, ...]:
    name = word.removesuffix(".py")
    return tuple(exercise for exercise in exercises if exercise.name == name)


def _unknown(course: Course, text: str) -> str:
    known = [exercise.name for exercise in course.exercises] + [day.folder for day in course.days]
    near = nearest(PurePosixPath(text).name.removesuffix(".py"), known)
    offer = f"did you mean `{near}`? Type" if near else "type"
    return f"`{text}` names no day or exercise here: {offer} `dlcourse list` to see all names."
