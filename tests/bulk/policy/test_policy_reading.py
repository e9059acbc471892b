"""Reading `class.toml`, and all that can be wrong with it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlcourse.bulk.policy import Policy, policy_of, read_policy
from dlcourse.course import CourseDefects

DEFECTS = tomllib.loads(Path(__file__).with_name("defects.toml").read_text(encoding="utf-8"))
DAYS = ("day03_tensors", "day24_reinforcement")
WHOLE = """
counts = "best"
[late]
per = "day"
penalty = 0.1
at_most = 0.5
grace = "15 minutes"
cutoff = "7 days"
[due]
day24 = 2026-11-30T23:59:00+01:00
[days.day03_tensors]
counts = "last"
[days.day03_tensors.late]
penalty = 0.2
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `class.toml` stands: in the current folder."""
    monkeypatch.chdir(tmp_path)
    return Path("class.toml")


def defects(file: Path) -> list[str]:
    """Return the lines that reading the file reports."""
    with pytest.raises(CourseDefects) as caught:
        read_policy(file, DAYS)
    return str(caught.value).splitlines()


def test_a_file_becomes_a_policy(file: Path) -> None:
    """Each key of the file is in the policy."""
    file.write_text(WHOLE, encoding="utf-8")
    policy = read_policy(file, DAYS)
    late = policy.usual.late
    assert policy.usual.counts == "best"
    assert late is not None
    assert (late.per, late.penalty, late.at_most) == ("day", 0.1, 0.5)
    assert (late.grace, late.cutoff) == (timedelta(minutes=15), timedelta(days=7))
    assert policy.due_time("day24") == datetime(2026, 11, 30, 22, 59, tzinfo=UTC)
    assert policy.due_time("day24_reinforcement") == policy.due_time("day24")
    assert policy.due_time("day03") is None


def test_a_day_overrides_what_it_says_and_no_more(file: Path) -> None:
    """A day's own rules are the usual ones but for the keys that it names."""
    file.write_text(WHOLE, encoding="utf-8")
    policy = read_policy(file, DAYS)
    own, usual = policy.rules("day03").late, policy.rules("day24").late
    assert own is not None
    assert usual is not None
    assert own == usual.model_copy(update={"penalty": 0.2})
    assert (policy.rules("day03").counts, policy.rules("day24").counts) == ("last", "best")


def test_an_empty_file_is_the_usual_policy(file: Path) -> None:
    """Without a word the best attempt counts, and late work counts in full."""
    file.touch()
    assert read_policy(file) == Policy()


def test_without_a_course_any_day_may_be_named() -> None:
    """Days are compared with the course's only where these are known."""
    said = {"due": {"day77": datetime(2026, 1, 1, tzinfo=UTC)}}
    assert policy_of(said, "class.toml").due_time("day77_anything") is not None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("15 minutes", timedelta(minutes=15)),
        ("1 minute", timedelta(minutes=1)),
        ("90 seconds", timedelta(seconds=90)),
        ("1.5 hours", timedelta(minutes=90)),
        ("1 day 12 hours", timedelta(hours=36)),
        ("1 week,  2 days", timedelta(days=9)),
        ("0 seconds", timedelta()),
        ("2hours", timedelta(hours=2)),
    ],
)
def test_a_length_of_time_is_read(text: str, length: timedelta) -> None:
    """Lengths of time are written in words."""
    late = policy_of({"late": {"penalty": 0.1, "grace": text}}, "class.toml").usual.late
    assert late is not None
    assert late.grace == length


@pytest.mark.parametrize("case", DEFECTS["case"], ids=lambda case: case["name"])
def test_a_defect_is_told(file: Path, case: dict[str, Any]) -> None:
    """Each defect is one line with file, line, key, problem and remedy."""
    file.write_text(case["text"], encoding="utf-8")
    assert defects(file) == case["lines"]


def test_a_missing_file_is_told(file: Path) -> None:
    """A file that is not there is named as it was typed."""
    assert defects(file) == ["class.toml: does not exist; create it"]
