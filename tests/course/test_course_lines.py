"""In which line of a TOML file a defect's key stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dlcourse.course.defects import Defect
from dlcourse.course.lines import line_of, located

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
title = "Sums"

[[exercise]]
title = "First"
name = "first"
minutes = 20

[[exercise]]
name = 'second'
hints = [
    "a",
]
"minutes" = 30

[weights.days]
day01 = 3
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("title", 1),
        ("exercise.first.title", 4),
        ("exercise.first.minutes", 6),
        ("exercise.second.minutes", 13),
        ("exercise.second.hints#2", 10),
        ("exercise.second.title", 9),
        ("exercise.first", 5),
        ("exercise#2", 9),
        ("exercise#2.hints", 10),
        ("weights.days.day01", 16),
        ("exercise.third.title", 0),
        ("exercise#7.title", 0),
        ("day01", 0),
        ("odd key", 0),
    ],
)
def test_a_key_is_found(key: str, line: int) -> None:
    """A key is looked for in its own table; where it is missing, the table's name is the place."""
    assert line_of(TEXT, key) == line


def test_a_defect_without_a_place_stays_as_it_is(tmp_path: Path) -> None:
    """A file that is missing, or is no TOML, and a defect that has a line, are left alone."""
    for defect in (
        Defect("gone.toml", "title", "is odd", "mend it"),
        Defect("some.py", "title", "is odd", "mend it"),
        Defect("gone.toml", "title", "is odd", "mend it", 7),
    ):
        assert located(tmp_path, defect) == defect
