"""`dlcourse list`."""

from __future__ import annotations

import json

import pytest
from cli_program import OUTCOMES, ROOT, environment, run

from dlcourse.course import load_course


def test_every_exercise_is_listed() -> None:
    """The list names each day and each exercise of the course, and ends with what to type."""
    text = run("list").stdout
    course = load_course(ROOT)
    assert all(f"day {day.number} " in text for day in course.days)
    assert all(exercise.name in text for exercise in course.exercises)
    assert text.endswith(f"`dlcourse check {course.exercises[0].name}`.\n")


def test_a_list_can_be_limited() -> None:
    """With a name, only the days and exercises that it stands for are listed."""
    text = run("list", "day24").stdout
    assert "ppo_loss" in text
    assert "swish_function" not in text


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_list_fits_its_terminal(columns: int) -> None:
    """No line is wider than the terminal, or than what is pleasant to read."""
    text = run("list", env=environment(COLUMNS=str(columns))).stdout
    assert max(map(len, text.splitlines())) <= min(columns, 100)


def test_a_list_can_be_read_by_a_program() -> None:
    """`--json` prints one document with what a program needs to find the stubs."""
    ended = run("list", "--json", "--course", str(OUTCOMES))
    assert json.loads(ended.stdout) == {
        "course": "Every way in which a test ends",
        "days": [
            {
                "day": "day01_outcomes",
                "title": "Outcomes",
                "exercises": [
                    {
                        "name": "softmax",
                        "title": "A softmax that meets every kind of trouble",
                        "difficulty": 1,
                        "minutes": 10,
                        "prerequisites": [],
                        "devices": ["cpu"],
                        "stub": str(OUTCOMES / "exercises" / "day01_outcomes" / "softmax.py"),
                    }
                ],
            }
        ],
    }
