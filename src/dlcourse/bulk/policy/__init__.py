"""The policy of a class, from `class.toml`: plain rules that no database stands behind."""

from __future__ import annotations

from dlcourse.bulk.policy.days import day_score, short_name
from dlcourse.bulk.policy.grade import (
    AppliedChange,
    AttemptScore,
    Change,
    ExerciseGrade,
    MoreTime,
    State,
)
from dlcourse.bulk.policy.policy import Policy, Rules
from dlcourse.bulk.policy.reading import policy_of, read_policy

__all__ = [
    "AppliedChange",
    "AttemptScore",
    "Change",
    "ExerciseGrade",
    "MoreTime",
    "Policy",
    "Rules",
    "State",
    "day_score",
    "policy_of",
    "read_policy",
    "short_name",
]
