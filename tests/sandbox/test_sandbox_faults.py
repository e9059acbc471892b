"""The exceptions that stand for those of graded code."""

from __future__ import annotations

import pytest

from dlcourse.sandbox.faults import StudentError, StudentFault, error_for

MIRRORED = [
    ValueError, TypeError, KeyError, IndexError, AttributeError, NotImplementedError, OSError,
    FileNotFoundError, AssertionError, ZeroDivisionError, MemoryError, RecursionError,
    ImportError, SyntaxError, OverflowError, RuntimeError, NameError, EOFError,
]  # fmt: skip


@pytest.mark.parametrize("kind", MIRRORED)
def test_a_builtin_exception_keeps_its_type_and_its_text(kind: type[Exception]) -> None:
    """Suites can expect the builtin type, and the sentence is the same for each of them."""
    names = [base.__name__ for base in kind.__mro__]
    error = error_for(names, kind.__name__, "no 'a'", "", None)
    assert isinstance(error, kind)
    assert isinstance(error, StudentFault)
    assert str(error) == f"{kind.__name__}: no 'a'"


def test_a_type_of_the_learner_becomes_its_nearest_builtin_base() -> None:
    """A subclass that only graded code knows is caught as the builtin that it extends."""
    error = error_for(["LookupError", "Exception"], "NoSuchToken", "x", "", None)
    assert isinstance(error, LookupError)
    assert str(error) == "NoSuchToken: x"


@pytest.mark.parametrize(
    "ancestry",
    [["SystemExit"], ["KeyboardInterrupt"], ["GeneratorExit"], ["StopIteration"], ["Exception"],
     ["UserWarning", "Warning"], ["print"], ["Skipped"], []],
)  # fmt: skip
def test_what_is_no_plain_error_stays_a_student_error(ancestry: list[str]) -> None:
    """Exits, interrupts, warnings and names that are no exceptions are mirrored as nothing."""
    error = error_for([*ancestry, "BaseException"], "Odd", "", "", None)
    assert type(error) is StudentError
    assert str(error) == "Odd"
