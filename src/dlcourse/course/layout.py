"""Where the files of an exercise stand, relative to the course.

Day folders mirror each other, so each path follows from the day's folder and the exercise's name.
"""

from __future__ import annotations

COURSE_FILE = "course.toml"
EXERCISES = "exercises"
SOLUTIONS = "solutions"
GRADERS = "graders"
THEORY = "theory"


def day_file(day: str) -> str:
    """Return the path of the day's title and exercises."""
    return f"{EXERCISES}/{day}/day.toml"


def stub_file(day: str, name: str) -> str:
    """Return the path of the file that the learner fills in."""
    return f"{EXERCISES}/{day}/{name}.py"


def solution_file(day: str, name: str) -> str:
    """Return the path of the reference solution."""
    return f"{SOLUTIONS}/{day}/{name}.py"


def suite_file(day: str, name: str) -> str:
    """Return the path of the hidden tests."""
    return f"{GRADERS}/{day}/test_{name}.py"


def mistakes_file(day: str, name: str) -> str:
    """Return the path of the planted mistakes."""
    return f"{GRADERS}/{day}/{name}.mistakes.toml"


def variants_folder(day: str, name: str) -> str:
    """Return the path of the folder of other correct solutions."""
    return f"{GRADERS}/{day}/{name}.variants"


def theory_file(day: str, page: str) -> str:
    """Return the path of a page of theory."""
    return f"{THEORY}/{day}/{page}.md"
