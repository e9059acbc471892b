"""How each test ends: passed, failed, error, skipped or broken, and in which words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest
from classroom import DOUBLE, outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from classroom import Classroom

VALUE = """
import pytest, torch
from dlcourse.testing import Mismatch

def test_it(student, solution, gen):
    x = torch.rand(8, generator=gen)
    y = student.double(x)
    {}
"""
CANARY = "expected-4711"


def suite(line: str) -> str:
    """Return a suite whose one test calls `double` and then does `line`."""
    return VALUE.format(line)


def test_a_right_answer_passes(classroom: Classroom) -> None:
    """A submission that is right earns every point."""
    report = classroom.grade(DOUBLE)
    assert outcomes(report) == ["passed", "passed"]
    assert (report.points, report.earned, report.score) == (3.0, 3.0, 1.0)


def test_a_wrong_answer_fails(classroom: Classroom) -> None:
    """A failed test earns nothing and stays in the denominator."""
    report = classroom.grade("def double(x):\n    return 3 * x\n")
    assert outcomes(report) == ["failed", "passed"]
    assert (report.points, report.earned) == (3.0, 1.0)


def test_an_exception_of_graded_code_is_an_error(classroom: Classroom) -> None:
    """What graded code raises is shown with its file and line, and nothing of the suite."""
    test = classroom.only_test("def double(x):\n    raise KeyError('x')\n", suite("pass"))
    assert test.outcome == "error"
    assert test.observed[0].startswith("raised KeyError: 'x' (`exercise_")
    assert test.location is not None
    assert test.location.line == 2
    assert test.raised is not None
    assert "test_" not in test.raised.traceback


@pytest.mark.parametrize(
    "attempt", ["open('weights.pt')", "open('/usr/notes.txt', 'w')", "__import__('os').fork()"]
)
def test_what_the_confinement_refuses_is_explained(classroom: Classroom, attempt: str) -> None:
    """Whatever the tier makes the system say, the learner is told that graded code may not."""
    test = classroom.only_test(f"def double(x):\n    {attempt}\n", suite("pass"))
    assert test.outcome == "error"
    assert test.observed[1:] == (
        "graded code can open no file, start no process or program, and use no network",
    )


def test_an_error_of_its_own_is_not_explained_by_the_confinement(classroom: Classroom) -> None:
    """An OSError that has nothing to do with it stands alone."""
    source = "def double(x):\n    raise OSError('no more')\n"
    assert len(classroom.only_test(source, suite("pass")).observed) == 1


def test_an_answer_of_another_structure_fails(classroom: Classroom) -> None:
    """A suite never sees an answer that is not built as the solution's is."""
    test = classroom.only_test("def double(x):\n    pass\n", suite("y.missing()"))
    assert test.outcome == "failed"
    sentence = "the result of `double` is None, not a float32 tensor of shape (8,)"
    assert test.observed == (f"{sentence}: does every path end in `return`?",)


@pytest.mark.parametrize(
    "statement",
    [
        "import unittest; raise unittest.SkipTest('free')",
        "import _pytest.outcomes as o; raise o.Skipped('free')",
        "import _pytest.outcomes as o; raise o.XFailed('free')",
        "import _pytest.outcomes as o; raise o.Exit('free')",
        "class Skipped(BaseException): pass\n    raise Skipped('free')",
        "raise SystemExit(0)",
        "raise KeyboardInterrupt",
    ],
)
def test_graded_code_cannot_leave_the_denominator(classroom: Classroom, statement: str) -> None:
    """A skip or an exit that graded code raises is an error, never a skip."""
    report = classroom.grade(f"def double(x):\n    {statement}\n", suite("pass"))
    assert outcomes(report) == ["error"]
    assert (report.points, report.earned) == (1.0, 0.0)


def test_a_suite_may_skip(classroom: Classroom) -> None:
    """A test that this machine cannot run leaves the denominator, and says why."""
    report = classroom.grade(DOUBLE, suite("pytest.skip('no such hardware here')"))
    assert outcomes(report) == ["skipped"]
    assert report.tests[0].observed == ("no such hardware here",)
    assert report.points == 0
    assert report.score is None


def test_broken_needs_the_solution_to_stumble_too(classroom: Classroom) -> None:
    """An exception in the suite's own frames is broken if the solution meets it as well."""
    test = classroom.only_test(DOUBLE, suite(f"raise KeyError('{CANARY}')"))
    assert test.outcome == "broken"
    assert test.observed[0].startswith(
        "the test itself raised KeyError at line 8 of `test_exercise"
    )


def test_broken_does_not_tell_what_the_suite_raised(classroom: Classroom) -> None:
    """The text of a suite's exception may hold an expected value, so nobody reads it."""
    test = classroom.only_test(DOUBLE, suite(f"raise KeyError('{CANARY}')"))
    assert CANARY not in test.model_dump_json()


def test_an_answer_that_trips_the_suite_is_no_free_pass(classroom: Classroom) -> None:
    """Where only graded code makes the suite raise, the test has failed."""
    source = "def double(x):\n    return -2 * x\n"
    test = classroom.only_test(source, suite(f"y.log()[y > 0][0], '{CANARY}'"))
    assert test.outcome == "failed"
    assert test.observed == ("the answer is of no use to the test (IndexError)",)


def test_the_solution_meets_the_same_inputs(classroom: Classroom) -> None:
    """The judge repeats a test with its seed: what depends on the draw ends the same way."""
    line = "{}[float(x[0])] if x[0] > 0 else y.bad"
    test = classroom.only_test(DOUBLE, suite(line))
    assert test.outcome == "broken"


@pytest.mark.parametrize(
    ("line", "observed"),
    [
        ("pytest.fail('Two rows are equal.')", ("Two rows are equal.",)),
        ("raise Mismatch('One.', 'Two.')", ("One.", "Two.")),
        ("assert False, 'The rows differ.'", ("The rows differ.",)),
        ("assert x is None", ()),
        (
            "with pytest.raises(ValueError): student.double(x)",
            ("no `ValueError` was raised",),
        ),
        (
            "with pytest.raises((ValueError, KeyError)): student.double(x)",
            ("no exception was raised",),
        ),
        (
            "torch.testing.assert_close(3.0, 4711.0)",
            ("the answer is not what the sentence above says",),
        ),
        (
            "with pytest.raises(TypeError, match='4711'): None + 1",
            ("the answer is not what the sentence above says",),
        ),
    ],
)
def test_an_assertion_speaks_in_its_author_s_words(
    classroom: Classroom, line: str, observed: tuple[str, ...]
) -> None:
    """A learner reads what the author wrote for learners, and no library's print of values."""
    test = classroom.only_test(DOUBLE, suite(line))
    assert test.outcome == "failed"
    assert test.observed == observed
    assert "4711" not in test.model_dump_json()


def test_a_missing_name_is_an_error(classroom: Classroom) -> None:
    """A submission without the function is told so."""
    test = classroom.only_test("def duoble(x):\n    return 2 * x\n", suite("pass"))
    assert test.outcome == "error"
    assert "does not define `double`: define it as the stub does" in test.observed[0]


def test_a_name_that_the_solution_lacks_is_the_suite_s_fault(classroom: Classroom) -> None:
    """A suite that asks for what nobody was asked to write is broken, whatever was handed in."""
    test = classroom.only_test(DOUBLE, suite("student.duoble(x)"))
    assert test.outcome == "broken"


@pytest.mark.parametrize(
    ("kind", "observed"),
    [
        ("Exception", "the process exited with code 0 before answering"),
        ("BaseException", "the process ended during the test"),
    ],
)
def test_a_crash_is_no_expected_exception(classroom: Classroom, kind: str, observed: str) -> None:
    """A suite that expects any exception does not take the end of the process for one."""
    source = "import os\ndef double(x):\n    os._exit(0)\n"
    test = classroom.only_test(
        source,
        f"""
        import pytest, torch

        def test_it(student):
            with pytest.raises({kind}):
                student.double(torch.zeros(3))
        """,
        "def double(x):\n    raise ValueError\n",
    )
    assert test.outcome == "error"
    assert test.observed == (observed,)


@pytest.mark.parametrize(
    ("source", "observed"),
    [
        ("def double(x):\n    return lambda: x\n", "the answer holds a value of type `function`"),
        ("class A: pass\ndef double(x):\n    return A()\n", "the result of `double` holds an obj"),
        ("", "does not define `double`"),
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        "with pytest.raises(Exception): student.double(-1)",
        """
    try:
        student.double(-1)
    except Exception:
        pass
    else:
        assert False
        """,
    ],
)
def test_an_answer_of_no_use_is_no_expected_exception(
    classroom: Classroom, source: str, observed: str, line: str
) -> None:
    """Only what graded code raises is an exception that a suite can expect."""
    suite = f"import pytest\n\ndef test_it(student):\n    {line.strip()}\n"
    solution = "def double(x):\n    raise ValueError\n"
    test = classroom.only_test(source, suite, solution)
    assert test.earned == 0
    assert observed in test.observed[0]


def test_a_requirement_that_did_not_pass_counts_zero(classroom: Classroom) -> None:
    """A test whose prerequisite failed is not run, and its points still count."""
    report = classroom.grade(
        "def double(x):\n    return 3 * x\n",
        """
        import torch
        from dlcourse.testing import points, requires

        def test_one(student):
            assert student.double(torch.ones(1)) == 2

        @points(4)
        @requires("test_one")
        def test_zero(student):
            assert student.double(torch.zeros(1)) == 0
        """,
    )
    assert outcomes(report) == ["failed", "failed"]
    assert report.tests[1].observed == ("not run: it needs `test_one`, which did not pass",)
    assert (report.points, report.earned) == (5.0, 0.0)


def test_a_fixture_that_fails_is_the_suite_s_fault(classroom: Classroom) -> None:
    """What goes wrong before a test begins is judged with the solution, assertions included."""
    report = classroom.grade(
        DOUBLE,
        """
        import pytest

        @pytest.fixture(scope="module")
        def wide(student):
            return student

        @pytest.fixture
        def wrong():
            assert False

        def test_scope(wide): pass
        def test_assertion(wrong): pass
        def test_unknown(nothing_of_this_name): pass
        """,
    )
    assert outcomes(report) == ["broken", "broken", "broken"]


def test_no_argument_is_printed_for_a_traceback(classroom: Classroom, tmp_path: Path) -> None:
    """What a frame of a failed test holds may take minutes and gigabytes to print."""
    witness = tmp_path / "printed"
    loud = f"""
        def test_it(student):
            fail(Loud())
        class Loud:
            def __repr__(self):
                open({str(witness)!r}, "w").close()
                return "loud"
        def fail(loud):
            assert loud is None
        """
    assert classroom.only_test(DOUBLE, textwrap.dedent(loud)).outcome == "failed"
    assert not witness.exists()


def test_there_is_no_score_while_an_exercise_could_not_be_graded(classroom: Classroom) -> None:
    """Who brings the grader down does not raise the mean of the others."""
    right, fatal = classroom.exercise(), classroom.exercise(suite("import os; os._exit(0)"))
    workdir = classroom.submission((right, DOUBLE), (fatal, DOUBLE))
    report = classroom.check(workdir, right, fatal)
    assert [exercise.score for exercise in report.exercises] == [1.0, None]
    assert report.score is None


def test_a_lost_worker_server_is_the_grader_s_fault(classroom: Classroom) -> None:
    """Without workers there is no verdict: the exercise has one broken test and no score."""
    lost = "from dlcourse.errors import DlcourseError; raise DlcourseError('it is gone')"
    report = classroom.grade(DOUBLE, suite(lost))
    assert outcomes(report) == ["broken"]
    assert report.tests[0].observed == ("it is gone",)
    assert report.score is None


def test_long_messages_are_bounded(classroom: Classroom) -> None:
    """A message of megabytes does not make a report of megabytes."""
    source = "def double(x):\n    raise ValueError('A' * 10_000_000)\n"
    test = classroom.only_test(source, suite("pass"))
    assert test.outcome == "error"
    assert len(test.model_dump_json()) < 20_000
