"""When a test is tried again, in which worker, and with how much time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classroom import DOUBLE, KEY, SUITE, Classroom, outcomes

from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.grading.report import ExerciseReport

SPIN = """
import time

def spin(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass
"""
THREE = """
import torch

def test_first(student): assert student.double(torch.ones(1)) == 2
def test_second(student): assert student.double(torch.ones(1)) == 2
def test_third(student): assert student.double(torch.ones(1)) == 2
"""


def attempts(report: ExerciseReport) -> list[int]:
    """In how many workers each test was tried."""
    return [test.attempts for test in report.tests]


def test_a_test_that_fails_in_a_used_worker_is_repeated_in_a_fresh_one(
    classroom: Classroom,
) -> None:
    """State that one test leaves behind costs no other test its points."""
    source = """
    calls = 0
    def double(x):
        global calls
        calls += 1
        return 2 * x if calls == 1 else x
    """
    report = classroom.grade(source, THREE)
    assert outcomes(report) == ["passed", "passed", "passed"]
    assert attempts(report) == [1, 2, 2]


def test_a_crash_costs_only_the_test_that_met_it(classroom: Classroom) -> None:
    """After a crash the next test starts in a worker of its own."""
    source = """
    import os
    def double(x):
        if x[0] == 0:
            os.abort()
        return 2 * x
    """
    report = classroom.grade(source)
    assert outcomes(report) == ["passed", "error"]
    assert report.tests[1].attempts == 2


def test_a_verdict_from_a_fresh_worker_stands(classroom: Classroom) -> None:
    """Without a used worker there is no reason to try again."""
    report = classroom.grade("def double(x):\n    return x\n", THREE, isolation="test")
    assert attempts(report) == [1, 1, 1]


def test_fresh_gives_a_test_a_worker_of_its_own(classroom: Classroom) -> None:
    """`@fresh` and `--isolation test` both start anew; else one worker serves all tests."""
    source = (
        "calls = []\ndef double(x):\n    calls.append(1)\n    print(len(calls))\n    return x\n"
    )
    suite = THREE.replace("def test_second", "@fresh\ndef test_second").replace(
        "import torch", "import torch\nfrom dlcourse.testing import fresh"
    )
    suite = suite.replace("assert ", "")
    printed = [test.output for test in classroom.grade(source, suite).tests]
    assert printed == ["1\n", "1\n", "2\n"]
    printed = [test.output for test in classroom.grade(source, suite, isolation="test").tests]
    assert printed == ["1\n", "1\n", "1\n"]


def test_after_two_failed_loads_the_rest_is_not_run(classroom: Classroom) -> None:
    """A file that cannot be loaded is tried twice; what it printed is kept."""
    report = classroom.grade("print('hello')\nraise RuntimeError('early')\n", THREE)
    assert outcomes(report) == ["error", "error", "error"]
    assert "raised RuntimeError: early" in report.tests[1].observed[0]
    assert report.tests[0].output == "hello\n"
    assert report.tests[2].observed == ("not run: the file could not be loaded",)
    assert report.problem == report.tests[0].observed[0]


def test_one_failed_load_does_not_end_the_repeats(classroom: Classroom) -> None:
    """Once a file could be loaded after all, every later test has its second chance."""
    source = """
    import random
    draw = random.random()
    calls = 0
    def double(x):
        global calls
        calls += 1
        return 2 * x if calls == 1 else x
    """
    report = classroom.grade(source, THREE)
    assert attempts(report) == [1, 2, 2]
    assert report.problem is None


def test_after_two_timeouts_the_rest_is_not_run(classroom: Classroom) -> None:
    """Two tests that ran out of time are enough to know."""
    source = "def double(x):\n    while True:\n        x = x\n"
    report = classroom.grade(source, THREE)
    assert outcomes(report) == ["error", "error", "error"]
    assert report.tests[0].observed[0].startswith("ran out of CPU time (0.5 s)")
    assert report.tests[2].observed == ("not run: two tests before it ran out of time",)


def test_a_sleeper_is_not_repeated(classroom: Classroom) -> None:
    """A test that slept through its time is not tried again, not even in a used worker."""
    source = """
    import time
    def double(x):
        if x[0] == 0:
            time.sleep(1000)
        return 2 * x
    """
    report = classroom.grade(source)
    assert outcomes(report) == ["passed", "error"]
    assert attempts(report) == [1, 1]
    assert report.tests[1].observed[0].startswith("gave no answer within 2.5 s")


def test_after_too_long_a_time_the_rest_is_not_run(tmp_path: Path) -> None:
    """Sleeps that no limit of a single test sees do not stretch an exercise without end."""
    with GraderProcess() as grader:
        grader.configure(GraderSettings(hidden=(), secret=KEY, most_wall=0.5))
        classroom = Classroom(tmp_path, grader)
        source = "import time\ndef double(x):\n    time.sleep(0.6)\n    return 2 * x\n"
        report = classroom.grade(source, THREE)
    assert outcomes(report) == ["passed", "error", "error"]
    assert report.tests[1].observed == ("not run: the tests before it took too long",)


def test_the_time_limit_follows_the_solution(classroom: Classroom) -> None:
    """A test may take twenty times the CPU time that it takes with the solution."""
    suite = "import torch\ndef test_it(student):\n    assert student.double(torch.ones(1)) == 2\n"
    slow = f"{SPIN}\ndef double(x):\n    spin({{}})\n    return 2 * x\n"
    test = classroom.only_test(slow.format(1.0), suite, slow.format(0.2))
    assert test.outcome == "passed"
    assert test.attempts == 2
    assert classroom.only_test(slow.format(1.0), suite).outcome == "error"


def test_the_time_limit_is_fair_after_another_failure_too(classroom: Classroom) -> None:
    """A fresh worker's first timeout is judged by the solution, whatever came before it."""
    source = f"""{SPIN}
calls = 0
def double(x):
    global calls
    calls += 1
    if calls > 1:
        raise RuntimeError('used')
    if x[0] == 1:
        spin(1.0)
    return 2 * x
"""
    solution = f"{SPIN}\ndef double(x):\n    spin(0.2 * float(x[0] == 1))\n    return 2 * x\n"
    suite = """
    import torch
    def test_zero(student): assert student.double(torch.zeros(1)) == 0
    def test_one(student): assert student.double(torch.ones(1)) == 2
    """
    report = classroom.grade(source, suite, solution)
    assert outcomes(report) == ["passed", "passed"]
    assert attempts(report) == [1, 3]


def test_a_stub_costs_each_test_one_repeat_at_most(classroom: Classroom) -> None:
    """The first test meets a fresh worker; each later one is repeated once."""
    report = classroom.grade("def double(x):\n    raise NotImplementedError('double')\n", THREE)
    assert attempts(report) == [1, 2, 2]
    assert report.tests[0].observed[0].startswith("not implemented yet (`exercise_")


def test_both_isolations_agree(classroom: Classroom) -> None:
    """One worker for all tests and one for each give the same verdicts."""
    for source in (DOUBLE, "def double(x):\n    return 3 * x\n"):
        together = classroom.grade(source, SUITE)
        apart = classroom.grade(source, SUITE, isolation="test")
        assert outcomes(together) == outcomes(apart)
