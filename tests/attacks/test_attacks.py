"""Submissions that attack their grading, each for real, as root and as an ordinary user.

Adding an attack is adding a folder: see `attack_cases`. Everything is run once, whatever the number
of tests below that look at it.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from attack_cases import CONTROL, Attack, read_attacks
from attack_runs import SETTINGS

if TYPE_CHECKING:
    from attack_runs import Run, Setting
    from run_attacks import Result

_ATTACKS: Final = [
    attack
    for attack in read_attacks()
    if attack.group != CONTROL and attack.machine in {None, os.uname().machine}
]
# What a submission prints where it did what nobody may do.
_ESCAPED: Final = "ESCAPED"
# Two sleepers take 2.5 s each, loads that fail 5 s each; the rest is a busy machine.
_SECONDS: Final = 60.0
# The grader with torch in it takes a quarter of it; an answer that filled its memory would not fit.
_GRADER_BYTES: Final = 1 << 30
# What a worker may use beyond its own size, and a quarter for that size.
_WORKER_BYTES: Final = (1 << 30) + (256 << 20)
# Each test may show 64 KiB, whose every byte JSON and its escapes may write as six or more.
_REPORT_BYTES: Final = 8 << 20

pytestmark = [
    pytest.mark.parametrize("setting", SETTINGS, ids=str),
    pytest.mark.parametrize("attack", _ATTACKS, ids=lambda attack: attack.name),
]


def _exercise(report: dict[str, Any]) -> dict[str, Any]:
    exercise: dict[str, Any] = report["exercises"][0]
    return exercise


def _endings(report: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """How each test ended and what was observed."""
    tests = _exercise(report)["tests"]
    return [(test["name"], test["outcome"], test["observed"]) for test in tests]


def test_the_setting_is_the_one_asked_for(
    result: Result, run: Run, setting: Setting, attack: Attack
) -> None:
    """The report names the tier that this machine gives, and the user is the one meant."""
    assert result.report["confinement"]["tier"] == setting.tier, attack.name
    assert (run.machine.uid == 0) == (setting.user == "root")


def test_no_points_are_gained(result: Result, run: Run, attack: Attack) -> None:
    """An attack earns no more than what it does right, out of all points that there are."""
    honest = run.machine.wrong["earned"] if attack.honest is None else attack.honest
    assert run.machine.right["earned"] == run.machine.right["points"] > run.machine.wrong["earned"]
    assert result.report["earned"] <= honest
    assert result.report["points"] == run.machine.right["points"]
    assert (result.status == 0) == (result.report["earned"] == result.report["points"])


def test_nothing_leaks(result: Result) -> None:
    """No canary shows in the report, in any form, and nobody outside was called."""
    assert result.leaks == []
    assert result.contacts == 0


def test_nothing_is_done_outside(result: Result) -> None:
    """No forbidden act succeeded, and no file of anybody's changed."""
    assert _ESCAPED not in json.dumps(result.report)
    assert result.files == []


def test_nothing_is_left_running(result: Result) -> None:
    """The processes afterwards are those from before, with as many threads and descriptors."""
    assert result.left == []
    assert result.lost == []
    assert result.changed == []


def test_the_next_is_graded_as_if_alone(result: Result, run: Run) -> None:
    """The honest answer that comes next gets the report that it got before any attack."""
    before = {"right": run.machine.right, "wrong": run.machine.wrong}
    assert result.neighbours
    assert {learner: before[learner] for learner in result.neighbours} == result.neighbours


def test_time_and_memory_are_bounded(result: Result) -> None:
    """Neither grader nor worker takes more than its share, nor the report more than its room."""
    assert result.seconds < _SECONDS
    assert result.peaks["grader"] < _GRADER_BYTES
    assert result.peaks["worker"] < _WORKER_BYTES
    assert len(json.dumps(result.report)) < _REPORT_BYTES


def test_the_outcome_is_the_expected_one(result: Result, run: Run, attack: Attack) -> None:
    """The learner reads what the attack came to: that of the wrong answer, unless told else."""
    if attack.expect is None:
        assert _endings(result.report) == _endings(run.machine.wrong)
        return
    tests = {test["name"]: test for test in _exercise(result.report)["tests"]}
    test = tests[attack.expect.test]
    observed = "\n".join(test["observed"])
    assert test["outcome"] in attack.expect.outcome, observed
    assert re.search(attack.expect.observed, observed), observed
    assert re.search(attack.expect.output, test["output"]), test["output"][-1000:]


def test_the_screen_is_safe(result: Result) -> None:
    """A terminal and a CI runner are told nothing that they would obey."""
    assert re.search(r"[^\n\t\x20-\x7e\xa1-\U0010ffff]", result.screen) is None
    assert re.search(r"^\s*::|##\w*\[", result.screen, re.MULTILINE) is None
