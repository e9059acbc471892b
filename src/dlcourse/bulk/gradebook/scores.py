"""From the gradebook to the policy: an attempt and the result that counts for it, as a score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.bulk.policy import AttemptScore

if TYPE_CHECKING:
    from dlcourse.bulk.gradebook.records import Attempt, Result


def attempt_score(attempt: Attempt, result: Result | None) -> AttemptScore:
    """Return what a policy asks of an attempt; without a result it is not graded."""
    return AttemptScore(
        id=attempt.id,
        content=attempt.content,
        submitted_at=attempt.submitted_at,
        seen_at=attempt.seen_at,
        # Where the grader broke down, what was earned before says nothing.
        score=None if result is None or result.collapsed else result.score,
        points=result.points if result else 0.0,
        graded=result is not None,
        collapsed=result is not None and result.collapsed,
    )
