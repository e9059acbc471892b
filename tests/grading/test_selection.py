"""Which tests `--only` means, over one exercise and over several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from classroom import DOUBLE, SUITE

from dlcourse.errors import UsageError
from dlcourse.grading.selection import select

if TYPE_CHECKING:
    from classroom import Classroom

    from dlcourse.grading.report import Report

OTHER = SUITE.replace("test_zero", "test_nothing")


def names(report: Report) -> list[list[str]]:
    """The names of the tests that were run, exercise by exercise."""
    return [[test.name for test in exercise.tests] for exercise in report.exercises]


def test_only_the_named_test_is_run(classroom: Classroom) -> None:
    """The other tests are neither run nor counted."""
    report = classroom.grade(DOUBLE, only=("test_value",))
    assert [test.name for test in report.tests] == ["test_value"]
    assert report.points == 2


def test_an_unknown_test_is_refused_before_anything_runs(classroom: Classroom) -> None:
    """The nearest name is proposed as it is to be typed."""
    with pytest.raises(UsageError) as caught:
        classroom.grade(DOUBLE, only=("test_vlaue",))
    assert str(caught.value) == (
        "`test_vlaue` names no test here: did you mean `--only test_value`?"
    )


def test_a_name_like_no_other_is_answered_with_all(classroom: Classroom) -> None:
    """Where nothing is near, the names there are stand in the sentence."""
    with pytest.raises(UsageError, match="`test_x` names no test here: there are `test_value`, "):
        classroom.grade(DOUBLE, only=("test_x",))


def test_a_name_needs_to_be_known_to_one_of_several_exercises(classroom: Classroom) -> None:
    """Exercises that hold none of the named tests are left out."""
    first, second = classroom.exercise(), classroom.exercise(OTHER)
    workdir = classroom.submission((first, DOUBLE), (second, DOUBLE))
    report = classroom.check(workdir, first, second, only=("test_nothing",))
    assert names(report) == [["test_nothing"]]
    report = classroom.check(workdir, first, second, only=("test_value", "test_nothing"))
    assert names(report) == [["test_value"], ["test_value", "test_nothing"]]


def test_a_broken_suite_is_reported_all_the_same(classroom: Classroom) -> None:
    """A suite whose tests cannot be listed shows as broken, not as an unknown name."""
    good, bad = classroom.exercise(), classroom.exercise("import nowhere")
    workdir = classroom.submission((good, DOUBLE))
    assert names(classroom.check(workdir, good, bad, only=("test_zero",))) == [
        ["test_zero"],
        ["suite"],
    ]


def test_what_a_test_requires_is_run_with_it() -> None:
    """A test that is run alone would else miss its prerequisites and count zero."""
    requirements: dict[str, tuple[str, ...]] = {
        "a": (),
        "b[1]": ("a",),
        "b[2]": (),
        "c": ("b",),
        "d": (),
    }
    assert select(("c",), requirements) == {"a", "b[1]", "b[2]", "c"}
    assert select(("b[2]",), requirements) == {"b[2]"}
    assert select((), requirements) == set(requirements)
