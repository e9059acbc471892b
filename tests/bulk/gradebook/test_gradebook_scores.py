"""A gradebook and a policy together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from class_work import CONFINEMENT, DAY, ENVIRONMENT, EXERCISE, a_report, an_attempt, record

from dlcourse.bulk.gradebook import attempt_score
from dlcourse.bulk.policy import Policy, policy_of

if TYPE_CHECKING:
    from dlcourse.bulk.gradebook import Gradebook

DUE = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)


def test_a_grade_comes_from_the_gradebook(book: Gradebook) -> None:
    """Attempts, results, an extension and adjustments of a gradebook give a grade."""
    late = an_attempt(book, submitted_at=DUE + timedelta(days=2))
    record(book, late, 3)
    book.extend(student="ada", day=DAY, until=DUE + timedelta(days=1), author="a", reason="ill")
    book.adjust(student="ada", exercise=EXERCISE, points=1, author="a", reason="a fine plot")
    policy = policy_of({"late": {"penalty": 0.2}, "due": {"day24": DUE}}, "class.toml")
    grade = policy.score(
        [attempt_score(*pair) for pair in book.counting()],
        day=DAY,
        extension=book.extensions()["ada", DAY],
        adjustments=book.adjustments("ada"),
    )
    assert (grade.raw, grade.penalty, grade.extended) == (0.75, 0.2, True)
    assert grade.counted is not None
    assert (grade.counted.id, grade.points) == (late.id, 4)
    assert grade.score == 0.85


def test_regrading_keeps_adjustments(book: Gradebook) -> None:
    """A new result changes the score beneath an adjustment, not the adjustment."""
    attempt = an_attempt(book)
    record(book, attempt, 1)
    book.adjust(student="ada", exercise=EXERCISE, points=1, author="a", reason="a fine plot")
    record(book, attempt, 2)
    scores = [attempt_score(*pair) for pair in book.counting()]
    grade = Policy().score(scores, day=DAY, adjustments=book.adjustments("ada"))
    assert (grade.raw, grade.score) == (0.5, 0.75)


def test_what_has_no_result_is_not_graded(book: Gradebook) -> None:
    """An attempt whose only result waits for a decision is not graded."""
    record(book, an_attempt(book), proposed=True)
    (score,) = (attempt_score(*pair) for pair in book.counting())
    assert (score.graded, score.score, score.state) == (False, None, "not graded")


def test_a_grader_that_broke_down_gives_no_score(book: Gradebook) -> None:
    """What was earned before the grader broke down is no score."""
    book.record(
        an_attempt(book),
        a_report(2, name="grading"),
        key="key",
        environment=ENVIRONMENT,
        confinement=CONFINEMENT,
        seed=1,
    )
    (score,) = (attempt_score(*pair) for pair in book.counting())
    assert (score.graded, score.score, score.state) == (True, None, "collapsed")
