"""Every exercise of the course keeps the law of its suite, through the whole boundary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dlcourse.course import Exercise, Mistake, load_course, load_mistakes
from dlcourse.grading.check import Request, hidden_paths, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

COURSE = load_course(Path(__file__).parents[1])
EXERCISES = [pytest.param(exercise, id=exercise.name) for exercise in COURSE.exercises]
VARIANTS = [
    pytest.param(exercise, path, id=f"{exercise.name}-{path.stem}")
    for exercise in COURSE.exercises
    for path in exercise.variants
]
MISTAKES = [
    pytest.param(exercise, mistake, id=f"{exercise.name}-{mistake.id}")
    for exercise in COURSE.exercises
    for mistake in load_mistakes(exercise)
]
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

    def grade(self, exercise: Exercise, source: str, *, isolation: Any = "exercise") -> Any:
        """Return the tests of the report, by name."""
        stub = self._folder / exercise.day / f"{exercise.name}.py"
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(source)
        request = Request(COURSE, (exercise,), self._folder, RUN)
        job = replace(job_for(request, exercise), isolation=isolation)
        events = [event for event in self._grader.grade(job) if event["event"] == "test"]
        return {event["test"]["name"]: event["test"] for event in events}


@pytest.fixture
def bench(grader: GraderProcess, tmp_path: Path) -> Bench:
    """A bench with a folder of its own."""
    return Bench(grader, tmp_path)


def outcomes(tests: Any) -> dict[str, str]:
    """How each test ended."""
    return {name: test["outcome"] for name, test in tests.items()}


@pytest.mark.parametrize("isolation", ["exercise", "test"])
@pytest.mark.parametrize("exercise", EXERCISES)
def test_solution_is_full(bench: Bench, exercise: Exercise, isolation: str) -> None:
    """The solution passes every test, with one worker for all and with one for each."""
    tests = bench.grade(exercise, exercise.solution.read_text(), isolation=isolation)
    assert set(outcomes(tests).values()) == {"passed"}


@pytest.mark.parametrize(("exercise", "variant"), VARIANTS)
def test_variant_is_full(bench: Bench, exercise: Exercise, variant: Path) -> None:
    """Every other correct solution passes every test."""
    assert set(outcomes(bench.grade(exercise, variant.read_text())).values()) == {"passed"}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_stub_earns_nothing(bench: Bench, exercise: Exercise) -> None:
    """The stub loses every test that gives points, by its own message."""
    tests = bench.grade(exercise, exercise.stub.read_text())
    assert sum(test["earned"] for test in tests.values()) == 0
    messages = {test["raised"]["message"] for test in tests.values() if test["raised"]}
    assert messages
    assert all(message.startswith(f"{exercise.name}: ") for message in messages)


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_mistake_loses_its_test(bench: Bench, exercise: Exercise, mistake: Mistake) -> None:
    """A planted mistake does not pass the test that is named for it, and trips no test up."""
    tests = bench.grade(exercise, mistake.apply(exercise.solution.read_text()))
    assert outcomes(tests)[mistake.test] in {"failed", "error"}
    told = [sentence for test in tests.values() for sentence in test["observed"]]
    assert not [sentence for sentence in told if "is of no use" in sentence]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_exercise_has_variants_and_mistakes(exercise: Exercise) -> None:
    """A core exercise has at least one variant and three planted mistakes."""
    assert len(exercise.variants) >= 1
    assert len(load_mistakes(exercise)) >= 3
