"""The names of days and exercises, as people type them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from course_folders import small_course

from dlcourse.course import Course, load_course
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course of two days, and a third that holds no exercise yet."""
    folder = small_course(tmp_path)
    folder.write("exercises/day03_later/day.toml", 'title = "Later"')
    return load_course(tmp_path)


@pytest.mark.parametrize(
    "text", ["1", "01", "day1", "day01", "day01_sums", "exercises/day01_sums", "./day01_sums/"]
)
def test_a_day_stands_for_its_exercises(course: Course, text: str) -> None:
    """A day is named by its number, with or without `day` and zeros, by its folder or a path."""
    assert [exercise.name for exercise in course.resolve(text)] == ["plain_sum", "masked_sum"]


@pytest.mark.parametrize(
    "text",
    [
        "masked_sum",
        "masked_sum.py",
        "1/masked_sum",
        "day01/masked_sum",
        "day01_sums/masked_sum.py",
        "exercises/day01_sums/masked_sum.py",
        "./exercises/day01_sums/masked_sum.py",
        "../day01_sums/masked_sum.py",
        "/home/ada/exercises/day01_sums/masked_sum.py",
    ],
)
def test_an_exercise_has_several_names(course: Course, text: str) -> None:
    """An exercise is named alone, within its day, or by the path of a stub."""
    assert [exercise.name for exercise in course.resolve(text)] == ["masked_sum"]


def test_all_stands_for_every_exercise(course: Course) -> None:
    """`all` is the whole course, in order."""
    assert course.resolve("all") == course.exercises


def test_several_names_come_once_and_in_order(course: Course) -> None:
    """Names that overlap give each exercise once, in the course's order."""
    found = course.resolve_all(["outer_product", "masked_sum", "day01", "2"])
    assert found == course.exercises
    assert course.resolve_all([]) == ()


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("maskd_sum", "masked_sum"),
        ("Masked_Sum", "masked_sum"),
        ("1/maskd_sum.py", "masked_sum"),
        ("2/masked_sum", "masked_sum"),
        ("day01_sum", "day01_sums"),
        ("solutions/day01_sums/masked_sum.py", "masked_sum"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(course: Course, text: str, near: str) -> None:
    """A name near to a known one is answered with that one and the next command."""
    with pytest.raises(UsageError) as caught:
        course.resolve(text)
    assert str(caught.value) == (
        f"`{text}` names no day or exercise here: did you mean `{near}`?"
        " Type `dlcourse list` to see all names."
    )


@pytest.mark.parametrize("text", ["", ".", "/", "4", "9" * 5000, "day", "x/y/z", "exercises", "٣"])
def test_a_name_without_a_neighbour_gets_the_list(course: Course, text: str) -> None:
    """A name near to nothing is answered with the next command alone."""
    with pytest.raises(UsageError) as caught:
        course.resolve(text)
    assert str(caught.value) == (
        f"`{text}` names no day or exercise here: type `dlcourse list` to see all names."
    )


@pytest.mark.parametrize("text", ["3", "day03_later", "3/masked_sum"])
def test_an_empty_day_is_said_to_be_empty(course: Course, text: str) -> None:
    """A day without exercises is no answer, and the message does not call it unknown."""
    with pytest.raises(UsageError, match="holds no exercise yet: type `dlcourse list`"):
        course.resolve(text)
