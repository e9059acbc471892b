"""Every example of docs/authoring.md is an exercise that grades as the page says.

To write anew what the wrong versions are told, run this and read the difference:

    DLCOURSE_REGENERATE=1 pytest tests/test_authoring.py
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from dlcourse import testing
from dlcourse.course import Exercise, Mistake, load_course
from dlcourse.course.tables import DayTable, MistakesTable
from dlcourse.grading.check import Request, hidden_paths, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.course import Course

PAGE = Path(__file__).parents[1] / "docs" / "authoring.md"
TEXT = PAGE.read_text(encoding="utf-8")
DAY = "day01_examples"
PRELUDE = "from __future__ import annotations\n\nimport torch\n\n"
_BLOCK = re.compile(r"```python\n# (solution|suite|wrong)\n(.*?)```", re.DOTALL)
_TOLD = re.compile(r"```text\n(.*?)```", re.DOTALL)
_EXERCISE = """
[[exercise]]
name = "{name}"
title = "{name}"
difficulty = 1
minutes = 20
hints = ["one", "two", "three"]
"""


class Example(NamedTuple):
    """A section with a solution, a suite, a wrong version and what that is told."""

    name: str
    solution: str
    suite: str
    wrong: str
    told: str


def _examples() -> Iterator[Example]:
    for section in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]:
        blocks = dict(_BLOCK.findall(section))
        if blocks:
            name = re.sub(r"[^a-z]+", "_", section.splitlines()[0].lower()).strip("_")
            told = _TOLD.search(section)
            assert told, f"`{name}` does not say what the wrong version is told"
            solution, suite, wrong = (
                PRELUDE + blocks[kind] for kind in ("solution", "suite", "wrong")
            )
            yield Example(name, solution, suite, wrong, told[1])


EXAMPLES = list(_examples())


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course of all examples."""
    root = tmp_path_factory.mktemp("authoring")
    for tree in ("exercises", "solutions", "graders"):
        (root / tree / DAY).mkdir(parents=True)
    (root / "course.toml").write_text('format = 1\ntitle = "Examples"\n')
    day = [_EXERCISE.format(name=example.name) for example in EXAMPLES]
    (root / "exercises" / DAY / "day.toml").write_text('title = "Examples"\n' + "".join(day))
    for example in EXAMPLES:
        (root / "exercises" / DAY / f"{example.name}.py").write_text('"""To do."""\n')
        (root / "solutions" / DAY / f"{example.name}.py").write_text(example.solution)
        (root / "graders" / DAY / f"test_{example.name}.py").write_text(example.suite)
    return load_course(root)


@pytest.fixture(scope="module")
def grader(course: Course) -> Iterator[GraderProcess]:
    """One warm grader process for all."""
    with GraderProcess() as process:
        process.configure(GraderSettings(hidden=hidden_paths(course), secret="5eed"))
        yield process


class Bench:
    """Grades source texts as if a learner had handed them in."""

    def __init__(self, course: Course, grader: GraderProcess, folder: Path) -> None:
        self._course = course
        self._grader = grader
        self._folder = folder

    def grade(self, name: str, source: str) -> list[dict[str, Any]]:
        """Return the tests of the report."""
        exercise: Exercise = next(each for each in self._course.exercises if each.name == name)
        stub = self._folder / DAY / f"{name}.py"
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(source)
        job = job_for(Request(self._course, (exercise,), self._folder, 2026), exercise)
        return [event["test"] for event in self._grader.grade(job) if event["event"] == "test"]


@pytest.fixture
def bench(course: Course, grader: GraderProcess, tmp_path: Path) -> Bench:
    """A bench with a folder of its own."""
    return Bench(course, grader, tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_right_version_passes(bench: Bench, example: Example) -> None:
    """All tests of the suite."""
    tests = bench.grade(example.name, example.solution)
    assert {test["name"]: (test["outcome"], test["observed"]) for test in tests} == {
        test["name"]: ("passed", []) for test in tests
    }
    assert tests


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_wrong_version_is_told_what_the_page_shows(bench: Bench, example: Example) -> None:
    """At least one test fails, and every sentence is on the page."""
    tests = bench.grade(example.name, example.wrong)
    assert {test["outcome"] for test in tests} & {"failed", "error"}
    assert not [test for test in tests if test["outcome"] == "broken"]
    told = "".join(
        f"{test['name']}: {sentence}\n" for test in tests for sentence in test["observed"]
    )
    if "DLCOURSE_REGENERATE" in os.environ:
        page = PAGE.read_text(encoding="utf-8")
        wrong = example.wrong.removeprefix(PRELUDE)
        head = f"```python\n# wrong\n{wrong}```\n\n```text\n"
        assert head + example.told in page
        PAGE.write_text(page.replace(head + example.told, head + told), encoding="utf-8")
    else:
        assert example.told == told


def test_the_tables_on_the_page_are_read_as_they_are() -> None:
    """`day.toml` is valid, and each mistake applies to the solution of the first example."""
    first, second = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    DayTable.model_validate(_tuples(tomllib.loads(first)))
    mistakes = MistakesTable.model_validate(_tuples(tomllib.loads(second))).mistake
    solution = EXAMPLES[0].solution
    for table in mistakes:
        mistake = Mistake(**table.model_dump(by_alias=True), file="page")
        assert mistake.apply(solution) != solution
        assert f"def {mistake.test}(" in EXAMPLES[0].suite


def test_every_tool_is_named_on_the_page() -> None:
    """What `dlcourse.testing` offers to call, but for what only describes."""
    described = {"Event", "GuardedCall", "Mismatch", "NotMirrored", "RanksRun", "Solution"}
    described |= {"Student", "Watched", "FLOATING"}
    absent = [name for name in testing.__all__ if name not in TEXT and name not in described]
    assert absent == []


def _tuples(value: Any) -> Any:
    """Return what TOML gives, as the tables want it: a course's reader does the same."""
    if isinstance(value, dict):
        return {key: _tuples(part) for key, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
