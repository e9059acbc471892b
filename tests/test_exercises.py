"""Every exercise of the course: its solution is full and its stub empty, through the boundary.

What the audit proves besides (variants, mistakes, mutants, seeds) is locked in `audit.lock`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dlcourse.course import Exercise, load_course
from dlcourse.grading.check import Request, hidden_paths, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

COURSE = load_course(Path(__file__).parents[1])
EXERCISES = [pytest.param(exercise, id=exercise.name) for exercise in COURSE.exercises]
RUN = 2026


@pytest.fixture(scope="module")
def grader() -> Iterator[GraderProcess]:
    """One warm grader process for all."""
    with GraderProcess() as process:
        process.configure(GraderSettings(hidden=hidden_paths(COURSE), secret="5eed"))
        yield process


class Bench:
    """Grades source texts as if a learner had handed them in."""

    def __init__(self, grader: GraderProcess, folder: Path) -> None:
        self._grader = grader
        self._folder = folder

    def grade(self, exercise: Exercise, source: str) -> Any:
        """Return the tests of the report, by name."""
        stub = self._folder / exercise.day / f"{exercise.name}.py"
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(source)
        request = Request(COURSE, (exercise,), self._folder, RUN)
        job = job_for(request, exercise)
        events = [event for event in self._grader.grade(job) if event["event"] == "test"]
        return {event["test"]["name"]: event["test"] for event in events}


@pytest.fixture
def bench(grader: GraderProcess, tmp_path: Path) -> Bench:
    """A bench with a folder of its own."""
    return Bench(grader, tmp_path)


def outcomes(tests: Any) -> dict[str, str]:
    """How each test ended."""
    return {name: test["outcome"] for name, test in tests.items()}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_solution_is_full(bench: Bench, exercise: Exercise) -> None:
    """The solution passes every test."""
    tests = bench.grade(exercise, exercise.solution.read_text())
    assert set(outcomes(tests).values()) == {"passed"}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_stub_earns_nothing(bench: Bench, exercise: Exercise) -> None:
    """The stub loses every test that gives points, by its own message."""
    tests = bench.grade(exercise, exercise.stub.read_text())
    assert sum(test["earned"] for test in tests.values()) == 0
    messages = {test["raised"]["message"] for test in tests.values() if test["raised"]}
    assert messages
    assert all(message.startswith(f"{exercise.name}: ") for message in messages)
