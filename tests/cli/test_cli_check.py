"""`dlcourse check`, run for real: statuses, options, and where the files are looked for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cli_program import GRADE_OUTCOMES, OUTCOMES, run

from dlcourse.cli.options import CheckOptions
from dlcourse.reports.document import from_json, to_json

_TYPED = CheckOptions(
    names=("day3",),
    course=None,
    workdir=None,
    only=(),
    seed=None,
    isolation="exercise",
    as_json=True,
)


@pytest.mark.parametrize(
    ("tests", "status"),
    [
        (["small_logits"], 0),
        (["small_logits", "large_logits"], 1),
        (["broken", "large_logits"], 3),
    ],
)
def test_the_status_tells_how_it_went(tests: list[str], status: int) -> None:
    """Full points are 0, lost points 1, and 3 once a test broke by the grader's own fault."""
    ended = run(*GRADE_OUTCOMES, *(word for test in tests for word in ("--only", test)))
    assert (ended.returncode, ended.stderr) == (status, "")


def test_json_is_the_report_that_was_asked_for() -> None:
    """`--json` prints one document and nothing else: those tests, that seed, that isolation."""
    tests = ("--only", "test_small_logits", "--only", "large_logits")
    ended = run(*GRADE_OUTCOMES, *tests, "--seed", "7", "--isolation", "test", "--json")
    report = from_json(ended.stdout)
    assert (ended.returncode, ended.stderr, ended.stdout) == (1, "", to_json(report))
    assert (report.seed, report.isolation) == (7, "test")
    names = [test.name for test in report.exercises[0].tests]
    assert names == ["test_small_logits", "test_large_logits"]


def test_the_report_says_which_folder_was_graded_and_how_to_repeat_it() -> None:
    """The page names a folder that is not the current one, and the command of the same run."""
    lines = run(*GRADE_OUTCOMES, "--only", "small_logits", "--seed", "7").stdout.splitlines()
    assert lines[0] == "checking files in examples/outcomes/submission"
    assert lines[-1] == f"  dlcourse {' '.join(GRADE_OUTCOMES)} --only small_logits --seed 7"


def test_the_command_of_the_same_run_can_be_pasted() -> None:
    """Options that were typed are kept, words with blanks are quoted, and the seed is named."""
    typed = replace(_TYPED, workdir=Path("my work"), only=("values",), isolation="test")
    assert typed.replay(5) == (
        "dlcourse check day3 --workdir 'my work' --only values --isolation test --seed 5"
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("values", "test_values"),
        ("test_values", "test_values"),
        ("TestEdges::empty", "TestEdges::test_empty"),
    ],
)
def test_the_prefix_of_a_test_need_not_be_typed(typed: str, meant: str) -> None:
    """`--only values` means `test_values`, also inside of a class."""
    assert replace(_TYPED, only=(typed,)).tests == (meant,)


def test_a_course_grades_its_own_stubs(tmp_path: Path) -> None:
    """Inside a course, what is graded are its stubs, wherever in it the command is typed."""
    for name in ("exercises", "graders", "solutions", "course.toml"):
        part = OUTCOMES / name
        (shutil.copytree if part.is_dir() else shutil.copy)(part, tmp_path / name)
    ended = run("check", "softmax", "--json", cwd=tmp_path / "graders")
    (exercise,) = json.loads(ended.stdout)["exercises"]
    assert exercise["file"] == "exercises/day01_outcomes/softmax.py"
    assert exercise["earned"] == 0
    assert "NotImplementedError" in {
        (test["raised"] or {}).get("type") for test in exercise["tests"]
    }


def test_a_file_that_was_not_handed_in_loses_its_points(tmp_path: Path) -> None:
    """In a folder named on the command line, a missing file is a result, not a slip."""
    ended = run("check", "softmax", "--course", str(OUTCOMES), "--workdir", str(tmp_path))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "`day01_outcomes` does not exist" in ended.stdout
