"""The gradebook of a class: SQLite in a file, or PostgreSQL by its URL."""

from __future__ import annotations

from dlcourse.bulk.gradebook.gradebook import PATIENCE, Gradebook
from dlcourse.bulk.gradebook.records import (
    Adjustment,
    Attempt,
    Decision,
    Extension,
    GradedUnder,
    Result,
    Run,
    State,
    Student,
    Withdrawal,
)
from dlcourse.bulk.gradebook.scores import attempt_score

__all__ = [
    "PATIENCE",
    "Adjustment",
    "Attempt",
    "Decision",
    "Extension",
    "Gradebook",
    "GradedUnder",
    "Result",
    "Run",
    "State",
    "Student",
    "Withdrawal",
    "attempt_score",
]
