"""What a suite's author may do, and what is said of a suite or a solution that is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from classroom import DOUBLE, KEY, SUITE, outcomes

from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from classroom import Classroom

    from dlcourse.grading.report import ExerciseReport


def complaint(report: ExerciseReport, part: str = "suite") -> str:
    """Return what is said of a suite that could not be run, or that broke while `grading`."""
    (test,) = report.tests
    assert (test.name, test.outcome, report.score) == (part, "broken", None)
    return test.observed[0]


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ("import nowhere", "cannot be collected (ModuleNotFoundError: No module named 'nowhere')"),
        ("def test_it(:", "cannot be collected (SyntaxError: invalid syntax)"),
        ("raise ValueError('early')", "cannot be collected (ValueError: early)"),
        ("import sys; sys.exit(0)", "cannot be collected (SystemExit: 0)"),
        ("import pytest; pytest.exit('now')", "now): run `python "),
        ("raise KeyboardInterrupt", "cannot be collected (KeyboardInterrupt: )"),
        ("x = 1", "holds no test: add a function whose name starts with `test_`"),
        ("import pytest\n@pytest.mark.nothing\ndef test_it(): pass", "'nothing' not found"),
        (
            "import pytest\npytest.skip('no such hardware', allow_module_level=True)",
            "Skipped: no such hardware",
        ),
        (
            "from dlcourse.testing import points\n@points(-1)\ndef test_it(): pass",
            "`points(-1)` cannot be: a test carries 0 points or more",
        ),
        (
            "from dlcourse.testing import requires\n@requires('test_tow')\ndef test_it(): pass",
            "`test_it` requires `test_tow`, which is no test before it",
        ),
    ],
)
def test_a_suite_that_cannot_be_collected_is_named(
    classroom: Classroom, suite: str, words: str
) -> None:
    """One broken test names the file and the reason, and the next exercise is graded."""
    said = complaint(classroom.grade(DOUBLE, suite))
    assert "test_exercise_" in said
    assert words in said
    assert outcomes(classroom.grade(DOUBLE)) == ["passed", "passed"]


@pytest.mark.parametrize(
    ("solution", "words"),
    [
        ("raise ValueError('early')", "cannot be imported (ValueError: early)"),
        ("import sys; sys.exit(0)", "cannot be imported (SystemExit: 0)"),
    ],
)
def test_a_solution_that_cannot_be_imported_is_named(
    classroom: Classroom, solution: str, words: str
) -> None:
    """A broken solution costs no points and is told by its path."""
    assert words in complaint(classroom.grade(DOUBLE, SUITE, solution))


@pytest.mark.parametrize("tree", ["graders", "solutions"])
def test_a_missing_file_of_the_course_is_named(classroom: Classroom, tree: str) -> None:
    """A suite or a solution that is not there is told by its path."""
    exercise = classroom.exercise()
    (exercise.suite if tree == "graders" else exercise.solution).unlink()
    report = classroom.check(classroom.submission((exercise, DOUBLE)), exercise)
    said = complaint(report.exercises[0])
    assert tree in said
    assert "cannot be read (No such file or directory): put it back" in said


@pytest.mark.parametrize(
    ("suite", "part"),
    [
        ("import os; os._exit(0)", "suite"),
        ("import os\ndef test_it(student):\n    os._exit(0)\n", "grading"),
    ],
    ids=["import", "test"],
)
def test_a_suite_that_ends_the_process_ends_no_other(
    classroom: Classroom, suite: str, part: str
) -> None:
    """`os._exit` in a suite is one broken exercise; the next one is graded."""
    said = complaint(classroom.grade(DOUBLE, suite), part)
    assert "as a suite makes it that exits or fills the memory: run the same command again" in said
    assert outcomes(classroom.grade(DOUBLE)) == ["passed", "passed"]


def test_part_of_a_suite_is_no_verdict(classroom: Classroom) -> None:
    """Points won before the grader went down do not count: no score is better than a wrong one."""
    suite = f"{SUITE}\ndef test_exit(student):\n    import os\n    os._exit(0)\n"
    complaint(classroom.grade(DOUBLE, suite), "grading")


@pytest.fixture
def impatient(classroom: Classroom) -> Iterator[Classroom]:
    """The classroom with a grader that gives a silent suite up after a second."""
    usual = classroom.grader
    with GraderProcess() as grader:
        grader.configure(GraderSettings(hidden=(), secret=KEY, patience=1.0))
        classroom.grader = grader
        yield classroom
    classroom.grader = usual


def test_a_suite_that_hangs_is_given_up(impatient: Classroom) -> None:
    """A suite that waits for ever, while imported or in a test, is named; the next is graded."""
    wait = "import time\nwhile True: time.sleep(1)\n"
    said = complaint(impatient.grade(DOUBLE, wait))
    assert "cannot be collected (TimeoutError: it did not end within 1 s)" in said
    silent = impatient.grade(DOUBLE, "import time\ndef test_it(): time.sleep(1000)\n")
    said = complaint(silent, "grading")
    assert "said nothing for 1 s: run `dlcourse check exercise_" in said
    assert outcomes(impatient.grade(DOUBLE)) == ["passed", "passed"]


def test_a_suite_has_pytest_s_own_means(classroom: Classroom) -> None:
    """Fixtures, parameters, classes, marks and temporary folders work; names are told apart."""
    suite = '''
    import pytest, torch, warnings
    from dlcourse.testing import requires

    @pytest.fixture(scope="module")
    def factor():
        return 2

    @pytest.fixture
    def doubled(student):
        yield student.double(torch.ones(1))

    @pytest.mark.parametrize("n", [1, 4])
    def test_sizes(student, factor, n):
        """Every size is doubled."""
        warnings.warn("not about the learner")
        assert student.double(torch.ones(n)).sum() == factor * n

    class TestOne:
        @requires("test_sizes")
        def test_value(self, doubled, tmp_path, device, solution):
            """One is doubled."""
            assert doubled == solution.double(torch.ones(1, device=device))

    class TestTwo:
        @requires("TestOne::test_value")
        def test_value(self, doubled):
            """Two is not one."""
            assert doubled != 1

    @pytest.mark.skip(reason="not today")
    def test_skipped(student):
        """Nothing is done."""
    '''
    report = classroom.grade(DOUBLE, suite)
    assert [(test.name, test.sentence) for test in report.tests] == [
        ("test_sizes[1]", "Every size is doubled (1)."),
        ("test_sizes[4]", "Every size is doubled (4)."),
        ("TestOne::test_value", "One is doubled."),
        ("TestTwo::test_value", "Two is not one."),
        ("test_skipped", "Nothing is done."),
    ]
    assert outcomes(report) == ["passed", "passed", "passed", "passed", "skipped"]


def test_a_requirement_means_every_case(classroom: Classroom) -> None:
    """A test that requires a parametrised one needs all of its cases."""
    suite = """
    import pytest, torch
    from dlcourse.testing import requires

    @pytest.mark.parametrize("n", [0, 1])
    def test_case(student, n):
        assert student.double(torch.full((1,), float(n))) == 2 * n

    @requires("test_case")
    def test_after(student): pass
    """
    report = classroom.grade("def double(x):\n    return 3 * x\n", suite)
    assert outcomes(report) == ["passed", "failed", "failed"]


def test_a_solution_may_hold_dataclasses(classroom: Classroom) -> None:
    """A solution finds itself among the modules, as dataclasses and pickle expect."""
    solution = f"""
from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar

@dataclass
class Pair:
    left: ClassVar[int] = 1

{DOUBLE}
"""
    assert outcomes(classroom.grade(DOUBLE, SUITE, solution)) == ["passed", "passed"]


def test_a_suite_s_own_state_does_not_outlive_a_submission(classroom: Classroom) -> None:
    """What a suite remembers of one submission is unknown to the next."""
    suite = "seen = []\ndef test_it(student):\n    seen.append(1)\n    assert len(seen) == 1\n"
    exercise = classroom.exercise(suite)
    for _ in range(2):
        report = classroom.check(classroom.submission((exercise, DOUBLE)), exercise)
        assert outcomes(report.exercises[0]) == ["passed"]


def test_an_edited_suite_is_told_by_what_was_run(classroom: Classroom) -> None:
    """The report's hash is that of the suite as it was collected, not of a later edit."""
    exercise = classroom.exercise()
    workdir = classroom.submission((exercise, DOUBLE))
    before = classroom.check(workdir, exercise).exercises[0].versions
    exercise.suite.write_text("raise SystemExit\n")
    assert classroom.check(workdir, exercise).exercises[0].versions == before
