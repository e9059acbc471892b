"""Answers that keep a suite, or the solution that repeats a call, computing for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from classroom import KEY, Classroom, outcomes

from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

SOLUTION = """
def size(x):
    return len(x)

def count(n):
    found = 0
    while found < n:
        found += 1
    return found
"""
ENDLESS = "def size(x):\n    return 10**15\n\ndef count(n):\n    return 3\n"
SUITE = """
def test_first(student):
    n = student.size([1, 2, 3])
    {}

def test_second(student):
    assert student.count(3) == 3
"""
TOO_LONG = "the answer keeps the test itself computing: more than 1 s of processor time"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    """A classroom whose tests may compute for one second."""
    with GraderProcess() as grader:
        grader.configure(GraderSettings(hidden=(), secret=KEY, least_cpu=0.5, patience=15.0))
        yield Classroom(tmp_path_factory.mktemp("hasty"), grader)


@pytest.mark.parametrize(
    "line",
    [
        "assert student.count(n) == 3",  # the solution is given the answer too
        "assert [k for k in range(n) if k < 0] == []",
        """
    try:
        student.count(n)
    except Exception:
        pass
        """,
    ],
)
def test_an_answer_cannot_keep_the_grader_busy(hasty: Classroom, line: str) -> None:
    """It costs the test that it meets, and the next test is graded."""
    report = hasty.grade(ENDLESS, SUITE.format(line.strip()), SOLUTION)
    assert outcomes(report) == ["failed", "passed"]
    assert report.tests[0].observed == (TOO_LONG,)


def test_a_suite_that_computes_for_ever_is_broken(hasty: Classroom) -> None:
    """Where it does so with the solution too, it costs no points."""
    report = hasty.grade(SOLUTION, SUITE.format("while n: pass"), SOLUTION)
    assert outcomes(report) == ["broken", "passed"]
    assert report.tests[0].observed[0].startswith("the test itself raised TooLong at line 4 of")
