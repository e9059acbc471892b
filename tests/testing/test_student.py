"""The `student` fixture, with our own code in the learner's place."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.sandbox.faults import MissingName, WrongAnswer
from dlcourse.testing import Student, in_worker
from dlcourse.testing.backend import LocalSubmission
from dlcourse.testing.student import Seat

if TYPE_CHECKING:
    from collections.abc import Callable

SOLUTION = """
import torch

LIMIT = 2.0

def double(x):
    return 2 * x

def draw(gen):
    return torch.rand(3, generator=gen)

def grow(x):
    return x.repeat(2) if x[0] > 0 else x

def refuse(x):
    raise ValueError(x)

def fill(x):
    x.fill_(1)
    return x

class Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()
"""


def module(source: str) -> ModuleType:
    """Return a module made of a source text."""
    made = ModuleType("made")
    exec(source, vars(made))  # noqa: S102 - the text of this test
    return made


def seat_of(source: str) -> Seat:
    """Return a seat with a submission, measured by the solution above."""
    return Seat(LocalSubmission(module(source)), module(SOLUTION), "work.py")


def student_of(changes: str = "") -> Student:
    """Return a student whose submission is the solution with some names defined anew."""
    return Student(seat_of(SOLUTION + changes))


def test_functions_and_values_of_the_submission_are_attributes() -> None:
    """A function is called, a nested one too, and a plain value is its value."""
    student = student_of("LIMIT = 3.0\n")
    x = torch.ones(2)
    assert torch.equal(student.double(x), 2 * x)
    assert torch.equal(student.Gate.apply(x), x)
    assert student.LIMIT == 3.0
    assert repr(student.Gate.apply) == "<graded Gate.apply>"


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ("del double", "double", "`work.py` does not define `double`: define it as the stub does"),
        ("double = 3", "double", "is a value of type `int`: define it as a function"),
        ("def Gate(): pass", "Gate", "is a function: define it as a class, as the stub does"),
        ("del LIMIT", "LIMIT", "`work.py` does not define `LIMIT`"),
    ],
)
def test_a_name_that_is_missing_or_of_another_kind_is_told(
    changes: str, name: str, words: str
) -> None:
    """The learner reads what to define, and as what."""
    with pytest.raises(MissingName) as caught:
        getattr(student_of(changes), name)
    assert words in str(caught.value)


def test_a_class_may_stand_for_a_function() -> None:
    """What can be called as the function is called may be a class."""
    student = student_of(
        "class double(torch.nn.Identity):\n    def __new__(cls, x): return 2 * x\n"
    )
    assert student.double(torch.ones(1)) == 2


def test_a_name_that_the_solution_lacks_is_the_suite_s_fault() -> None:
    """The suite meets an ordinary AttributeError, which nobody blames on graded code."""
    with pytest.raises(AttributeError, match="triple"):
        _ = student_of("def triple(x): return 3 * x\n").triple


@pytest.mark.parametrize("name", ["_seat_of", "__wrapped__"])
def test_private_names_are_none_of_a_submission(name: str) -> None:
    """Python's own look-ups on a student do not reach graded code."""
    with pytest.raises(AttributeError):
        getattr(student_of(), name)
    with pytest.raises(AttributeError):
        getattr(student_of().double, name)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("def double(x): return x[None]", "the result of `double` has shape (1, 2), not (2,)"),
        ("def double(x): pass", "is None, not a float32 tensor of shape (2,): does every path"),
    ],
)
def test_an_answer_of_another_structure_never_reaches_the_suite(changes: str, words: str) -> None:
    """Every way of calling but `unchecked` compares the answer's structure first."""
    student = student_of(changes)
    for call in (student.double, student.double.observed, student.double.inplace):
        with pytest.raises(WrongAnswer) as caught:
            call(torch.ones(2))
        assert words in str(caught.value)
    student.double.unchecked(torch.ones(2))


def test_a_value_of_another_structure_is_refused_too() -> None:
    """A constant is an answer like any other."""
    with pytest.raises(WrongAnswer, match="`LIMIT` is a str, not a float"):
        _ = student_of("LIMIT = 'two'\n").LIMIT


def test_where_the_solution_raises_the_suite_decides() -> None:
    """An exception that is due has no structure to compare with."""
    assert student_of("def refuse(x): return x\n").refuse(3) == 3


def test_the_comparison_leaves_arguments_and_generators_alone() -> None:
    """The solution meets copies: what a suite sees is what graded code did, once."""
    student, gen = student_of(), torch.Generator().manual_seed(3)
    twin = torch.Generator().manual_seed(3)
    student.draw(gen)
    torch.rand(3, generator=twin)
    assert torch.equal(gen.get_state(), twin.get_state())
    x = torch.zeros(2)
    student_of("def fill(x): return x + 1\n").fill(x)
    assert torch.equal(x, torch.zeros(2))


def test_the_solution_meets_arguments_as_they_were() -> None:
    """An answer whose structure depends on data is compared before graded code edits the data."""
    student = student_of("def grow(x):\n    y = x.repeat(2)\n    x.fill_(-1)\n    return y\n")
    assert student.grow(torch.ones(2)).shape == (4,)
    nested = student_of("def double(x): return [2 * part for part in x]\n")
    with pytest.raises(WrongAnswer, match="has 2 items, not 4"):
        nested.double([torch.ones(1), 1])


def test_what_the_worker_says_of_itself_is_a_claim() -> None:
    """A test that looks at more than answers is marked."""

    @in_worker
    def count(student: Any, x: torch.Tensor) -> int:
        """Count calls."""
        return len([student.double(x)])

    uses: list[Callable[[Student], object]] = [
        lambda student: student.double.observed(torch.ones(1)),
        lambda student: student.double.inplace(torch.ones(1)),
        lambda student: count(student, torch.ones(1)),
    ]
    for use in uses:
        seat = seat_of(SOLUTION)
        Student(seat).double(torch.ones(1))
        assert not seat.claims
        use(Student(seat))
        assert seat.claims
