"""The golden table of grades, and the score of a day."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlcourse.bulk.policy import AttemptScore, ExerciseGrade, Policy, State, day_score, policy_of

TABLE = tomllib.loads(Path(__file__).with_name("cases.toml").read_text(encoding="utf-8"))
DAY = "day24_reinforcement"
SEEN = datetime(2026, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Adjusted:
    """An adjustment as the policy sees it."""

    points: float | None = None
    score: float | None = None
    withdrawn: object | None = None
    author: str = "Ms Byron"
    reason: str = "because"


@dataclass(frozen=True)
class Extended:
    """An extension as the policy sees it."""

    until: datetime


def attempt(number: int, said: dict[str, Any]) -> AttemptScore:
    """Return an attempt from its row; results that are real carry 10 points."""
    return AttemptScore(
        id=number,
        content=said.get("content", ""),
        submitted_at=said.get("at"),
        seen_at=SEEN + timedelta(minutes=number),
        score=said.get("score"),
        points=10 if "score" in said else 0,
        graded=said.get("graded", True),
        collapsed=said.get("collapsed", False),
    )


def adjusted(said: dict[str, Any]) -> Adjusted:
    """Return an adjustment from its row."""
    return Adjusted(said.get("points"), said.get("score"), said.get("withdrawn"))


def graded(case: dict[str, Any]) -> ExerciseGrade:
    """Return the grade that the program gives in a case."""
    policy = policy_of(TABLE["policies"][case["policy"]], "class.toml")
    return policy.score(
        [attempt(number, said) for number, said in enumerate(case["attempts"], start=1)],
        day=DAY,
        extension=Extended(case["extension"]) if "extension" in case else None,
        adjustments=[adjusted(said) for said in case.get("adjustments", [])],
    )


def told(grade: ExerciseGrade) -> dict[str, Any]:
    """Return a grade in the words of the table."""
    return {
        "score": "none" if grade.score is None else grade.score,
        "raw": "none" if grade.raw is None else grade.raw,
        "counted": grade.counted.id if grade.counted else "none",
        "state": grade.state.value,
        "reason": grade.reason,
        "late": in_words(grade.late),
        "begun": grade.begun,
        "penalty": grade.penalty,
        "cut": grade.cut,
        "extended": grade.extended,
        "notes": list(grade.notes),
    }


def in_words(late: timedelta) -> str:
    """Return a length of time as the table writes it."""
    minutes, seconds = divmod(late.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    units = {"day": late.days, "hour": hours, "minute": minutes, "second": seconds}
    said = [f"{n} {unit}{'s' if n > 1 else ''}" for unit, n in units.items() if n]
    return " ".join(said) or "0 seconds"


@pytest.mark.parametrize("case", TABLE["case"], ids=lambda case: case["name"])
def test_a_policy_gives_the_grade_of_the_table(case: dict[str, Any]) -> None:
    """Each row of the table gives the score, and the explanation, that stands there."""
    given = {"name", "policy", "attempts", "extension", "adjustments"}
    due = {"state": "graded", "notes": [], **{k: v for k, v in case.items() if k not in given}}
    said = told(graded(case))
    assert {key: said[key] for key in due} == {
        key: pytest.approx(value, abs=1e-12) if isinstance(value, float) else value
        for key, value in due.items()
    }


def test_every_row_has_a_name_of_its_own() -> None:
    """No two rows share a name, so a failure points to one of them."""
    names = [case["name"] for case in TABLE["case"]]
    assert len(set(names)) == len(names)


def test_an_adjustment_is_told_with_what_it_changed() -> None:
    """A grade lists who changed it, why, and the score before and after."""
    changes = [Adjusted(points=-2, reason="copied"), Adjusted(score=0.75, author="Mr Babbage")]
    grade = Policy().score([attempt(1, {"score": 0.9})], day=DAY, adjustments=changes)
    assert [(it.author, it.reason, it.before, it.after) for it in grade.adjustments] == [
        ("Ms Byron", "copied", 0.9, 0.7),
        ("Mr Babbage", "because", 0.7, 0.75),
    ]


def test_points_need_no_attempt_where_the_exercise_is_known() -> None:
    """Points are added to nothing handed in, if the caller says what the exercise carries."""
    grade = Policy().score([], day=DAY, adjustments=[Adjusted(points=2)], points=8)
    assert grade.score == 0.25


def test_a_grade_can_be_stored_as_json() -> None:
    """A grade survives the way through JSON."""
    grade = graded(next(case for case in TABLE["case"] if "adjustments" in case))
    assert ExerciseGrade.model_validate_json(grade.model_dump_json()) == grade


def grade_of(score: float | None, *, state: State = State.GRADED, points: float = 10) -> Any:
    """Return a grade with this score and state."""
    row = {"score": score} if score is not None else {}
    grade = Policy().score([attempt(1, row)], day=DAY)
    return grade.model_copy(update={"state": state, "points": points})


@pytest.mark.parametrize(
    ("grades", "score"),
    [
        ({}, None),
        ({"a": grade_of(0.5)}, 0.5),
        ({"a": grade_of(0.5), "b": grade_of(1.0)}, 0.75),
        ({"a": grade_of(0.5), "heavy": grade_of(1.0)}, 0.875),
        ({"a": grade_of(0.5), "nothing": grade_of(1.0)}, 0.5),
        ({"nothing": grade_of(1.0)}, None),
        ({"a": grade_of(0.5), "b": grade_of(None, state=State.BROKEN)}, 0.5),
        ({"a": grade_of(None, state=State.BROKEN)}, None),
        ({"a": grade_of(1.0), "b": grade_of(None, state=State.NOT_GRADED)}, None),
        ({"a": grade_of(1.0), "b": grade_of(None, state=State.COLLAPSED)}, None),
        ({"a": grade_of(1.0), "b": grade_of(0.5, state=State.COLLAPSED)}, 0.75),
        ({"a": grade_of(1.0), "b": Policy().score([], day=DAY)}, 0.5),
    ],
)
def test_a_day_has_the_weighted_mean(grades: dict[str, ExerciseGrade], score: float) -> None:
    """Weights count, broken suites leave the mean, and what is open leaves no score at all."""
    assert day_score(grades, {"heavy": 3, "nothing": 0}) == score


@pytest.mark.parametrize(
    ("changes", "score"),
    [
        ([Adjusted(points=5)], 0.625),
        ([Adjusted(points=-100)], 0),
        ([Adjusted(score=1.2)], 1.2),
        ([Adjusted(score=0.5), Adjusted(points=2)], 0.55),
        ([Adjusted(score=1.2, withdrawn="by Ms Byron")], 0.5),
    ],
)
def test_a_whole_day_is_adjusted(changes: list[Adjusted], score: float) -> None:
    """Adjustments of a day apply to its mean; points are shares of all its points."""
    grades = {"a": grade_of(0.25, points=30), "b": grade_of(0.75)}
    assert day_score(grades, {}, changes) == pytest.approx(score, abs=1e-12)


def test_a_day_without_a_score_can_be_set() -> None:
    """A score that is set stands even where nothing could be graded."""
    grades = {"a": grade_of(None, state=State.NOT_GRADED)}
    assert day_score(grades, {}, [Adjusted(points=5)]) is None
    assert day_score(grades, {}, [Adjusted(score=0.5)]) == 0.5
