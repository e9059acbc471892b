"""What `dlcourse check` tells a learner who makes a planted mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from small_course import copy_course, path_of

if TYPE_CHECKING:
    from pathlib import Path

# A learner's own words for what the mistakes do.
QUOTIENT = """
import math
import torch

def scaled(x, factor):
    if math.isinf(factor) or math.isnan(factor):
        raise ValueError("bad factor")
    return torch.div(x, factor)
"""
DETACHED = QUOTIENT.replace(
    "torch.div(x, factor)", "torch.tensor(x.tolist(), dtype=x.dtype) * factor"
)
SHIFTED = QUOTIENT.replace("torch.div(x, factor)", "x * factor + 1")
TWO_MISTAKES = DETACHED.replace(" or math.isnan(factor)", "")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program."""
    command = [sys.executable, "-m", "dlcourse", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course that has been audited."""
    root = copy_course(tmp_path_factory.mktemp("course"))
    done = run("audit", "--course", str(root), "--seeds", "1")
    assert done.returncode == 0, done.stdout
    return root


def checked(course: Path, folder: Path, source: str) -> Any:
    """The report's exercise for a learner's file."""
    stub = folder / "day01_small" / "scaled.py"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(source)
    done = run("check", "scaled", "--course", str(course), "--workdir", str(folder), "--json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["exercises"][0]


def told(course: Path, folder: Path, source: str) -> str | None:
    """The mistake that a learner is told of."""
    misconception = checked(course, folder, source)["misconception"]
    return None if misconception is None else str(misconception["id"])


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        pytest.param(QUOTIENT, "quotient", id="quotient"),
        pytest.param(DETACHED, "detached", id="detached"),
        pytest.param(TWO_MISTAKES, "detached", id="two"),
    ],
)
def test_learner_is_told_the_mistake(
    course: Path, tmp_path: Path, source: str, mistake: str
) -> None:
    """Who makes a planted mistake, however it is written, is told its misconception."""
    assert told(course, tmp_path, source) == mistake


def test_misconception_comes_with_hint_and_anchor(course: Path, tmp_path: Path) -> None:
    """The report holds the misconception's sentence, its hint and its theory anchor."""
    assert checked(course, tmp_path, QUOTIENT)["misconception"] == {
        "id": "quotient",
        "text": "The tensor was divided by the factor.",
        "hint": "Which operator multiplies?",
        "anchor": "day01_small/day01_001_products#products-of-tensors",
    }


def test_unknown_mistake_is_not_guessed(course: Path, tmp_path: Path) -> None:
    """Who loses the same tests with other wrong values is told of no mistake."""
    assert told(course, tmp_path, SHIFTED) is None


def test_full_marks_come_without_a_mistake(course: Path, tmp_path: Path) -> None:
    """Who passes everything is told of no mistake."""
    solution = (course / path_of("solution", "scaled")).read_text()
    assert told(course, tmp_path, solution) is None


def test_stub_is_no_mistake(course: Path, tmp_path: Path) -> None:
    """Who has not begun is told of no mistake."""
    assert told(course, tmp_path, (course / path_of("stub", "scaled")).read_text()) is None


def test_signatures_alone_tell_a_perfect_fit(course: Path, tmp_path: Path) -> None:
    """Where the mistakes themselves are not at hand, results that fit one alone are explained."""
    root = copy_course(tmp_path / "course")
    signatures = "graders/day01_small/scaled.signatures.json"
    (root / signatures).write_text((course / signatures).read_text())
    (root / path_of("mistakes", "scaled")).unlink()
    assert told(root, tmp_path, DETACHED) == "detached"


@pytest.mark.parametrize("content", ["", "{", '{"format_version": 2}'])
def test_damaged_signatures_cost_nothing(tmp_path: Path, content: str) -> None:
    """A damaged file of signatures leaves the learner's result as it is."""
    root = copy_course(tmp_path / "course")
    (root / "graders/day01_small/scaled.signatures.json").write_text(content)
    report = checked(root, tmp_path, QUOTIENT)
    assert report["misconception"] is None
    assert [test["outcome"] for test in report["tests"]] == ["failed", "failed", "passed"]
