"""From what ended a test to what its report says.

A learner reads these sentences, so they hold only what graded code did and what a suite's author
wrote for learners. The text of any other exception may tell a hidden input or an expected value.
"""

from __future__ import annotations

import errno
import os
import re
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
from torch.autograd.gradcheck import GradcheckError

from dlcourse.errors import DlcourseError
from dlcourse.sandbox.faults import (
    Place,
    StudentCrash,
    StudentError,
    StudentFault,
    StudentTimeout,
    WrongAnswer,
)
from dlcourse.sandbox.not_mirrored import NotMirrored
from dlcourse.testing.mismatch import Mismatch
from dlcourse.testing.stopwatch import TooLong

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.testing.plugin import Failure

Ending = Literal["passed", "failed", "error", "skipped", "broken"]

_MAX_SENTENCE: Final = 1000
_READ_ONLY: Final = os.strerror(errno.EROFS)
_NOT_RAISED: Final = re.compile(r"DID NOT RAISE (\w+)")


@dataclass(frozen=True)
class Verdict:
    """How a test ended and what was observed; `raised` is the learner's own exception.

    `sketch` tells a wrong tensor from others and never leaves the grader.
    """

    ending: Ending
    observed: tuple[str, ...] = ()
    place: Place | None = None
    raised: StudentError | None = None
    timeout: StudentTimeout | None = None
    sketch: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """One test's result, as plain data for the wire between grader and report."""

    name: str
    sentence: str
    points: float
    verdict: Verdict
    output: str = ""
    claims: bool = False
    attempts: int = 1
    cpu: float = 0.0
    wall: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the test gives its points."""
        return self.verdict.ending == "passed"

    @property
    def lost(self) -> bool:
        """Whether graded code did what is wrong."""
        return self.verdict.ending in {"failed", "error"}


def verdict_on(failure: Failure | None, suite: Path) -> Verdict | None:
    """The verdict on what ended a test of `suite`; None where the solution must tell who erred."""
    if failure is None:
        return Verdict("passed")
    match failure.error:
        case StudentFault() as fault:
            return blame(fault)
        case DlcourseError() as ours:
            # No verdict on graded code: the whole exercise is the grader's fault then.
            raise ours
        case pytest.skip.Exception() as skipped:
            return Verdict("skipped", (str(skipped)[:_MAX_SENTENCE],))
        case NotMirrored() as unmirrored:
            return _at_fault(unmirrored, suite)
        case Mismatch() as mismatch:
            return Verdict("failed", mismatch.observed, sketch=mismatch.sketch)
    # Before the test began, or after it, an assertion may be about the suite's own fixtures.
    return _failed(failure.error, suite) if failure.phase == "call" else None


def _failed(error: BaseException, suite: Path) -> Verdict | None:
    """The verdict on an assertion about graded code; None for any other exception."""
    match error:
        case pytest.fail.Exception():
            return Verdict("failed", (_failure(str(error)),))
        case GradcheckError():
            return Verdict("failed", ("the gradient differs from finite differences",))
        case AssertionError():
            return Verdict("failed", _assertion(error, suite))
    return None


def blame(fault: StudentFault) -> Verdict:
    """The verdict on what graded code is to blame for."""
    match fault:
        case WrongAnswer():
            return Verdict("failed", (str(fault),))
        case StudentError():
            sentences = (_raised(fault), *_explained(fault))
            return Verdict("error", sentences, fault.place, raised=fault)
        case StudentTimeout():
            return Verdict("error", (_at(str(fault), fault.place),), fault.place, timeout=fault)
        case StudentCrash():
            return Verdict("error", (_at(str(fault), fault.place),), fault.place)
        case _:
            return Verdict("error", (str(fault),))


def broken(error: BaseException, suite: Path) -> Verdict:
    """The verdict on a suite that stumbles over the solution as well."""
    sentence = (
        f"the test itself raised {type(error).__name__}{_where(error, suite)}, with the solution "
        "too: tell the author of the course; it costs no points"
    )
    return Verdict("broken", (sentence,))


def _at_fault(error: NotMirrored, suite: Path) -> Verdict:
    """The verdict on a suite that asks graded code for what cannot reach it.

    Graded code cannot bring this about, and with the solution in its place nothing is out of reach.
    """
    sentence = (
        f"the test itself is at fault{_where(error, suite)}, which costs no points; for the "
        f"course's author: {error}"
    )
    return Verdict("broken", (sentence,))


def _where(error: BaseException, suite: Path) -> str:
    line = line_in(error, suite)
    return f" at line {line} of `{suite.name}`" if line else ""


def useless(error: BaseException) -> Verdict:
    """The verdict on an answer that a suite stumbles over, where it does not over the solution."""
    if isinstance(error, TooLong):
        return Verdict("failed", (f"the answer keeps the test itself computing: {error}",))
    return Verdict("failed", (f"the answer is of no use to the test ({type(error).__name__})",))


def line_in(error: BaseException, file: Path) -> int | None:
    """The innermost line of `file` that `error` passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(file)), None)


def _explained(error: StudentError) -> tuple[str, ...]:
    """Why the confinement raised, which the system's own words do not say."""
    # Without a file system of its own, a worker is refused what in one is not there.
    absent = isinstance(error, FileNotFoundError)
    read_only = isinstance(error, OSError) and _READ_ONLY in error.message
    if isinstance(error, PermissionError) or absent or read_only:
        return ("graded code can open no file, start no process or program, and use no network",)
    return ()


def _raised(error: StudentError) -> str:
    """One sentence for an exception of graded code."""
    if isinstance(error, MemoryError) or "can't allocate memory" in error.message:
        return _at("ran out of memory", error.place)
    if isinstance(error, NotImplementedError):
        return _at("not implemented yet", error.place)
    # Not `str(error)`: a KeyError shows its text as Python would write it.
    first = next(iter(error.message.splitlines()), "")
    name = error.type_name or "an exception without a name"
    said = f"{name}: {first}" if first else name
    return _at(f"raised {said[:_MAX_SENTENCE]}", error.place)


def _at(sentence: str, place: Place | None) -> str:
    return f"{sentence} (`{place.file}`, line {place.line})" if place else sentence


def _failure(text: str) -> str:
    """What the author told `pytest.fail`; `pytest.raises` says DID NOT RAISE instead."""
    if not text.startswith("DID NOT RAISE"):
        return text[:_MAX_SENTENCE]
    match = _NOT_RAISED.fullmatch(text)
    return f"no `{match[1]}` was raised" if match else "no exception was raised"


def _assertion(error: AssertionError, suite: Path) -> tuple[str, ...]:
    """The message that the suite's author gave a bare assert, if any.

    A library's assertion prints expected values, and that of `pytest.raises` the suite's pattern.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or frames[-1].filename != str(suite):
        return ("the answer is not what the sentence above says",)
    return (str(error)[:_MAX_SENTENCE],) if str(error) else ()


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """The outcome as a JSON object, in the shape of a report's test."""
    verdict = outcome.verdict
    place, raised = verdict.place, verdict.raised
    return {
        "name": outcome.name,
        "sentence": outcome.sentence,
        "outcome": verdict.ending,
        "points": outcome.points,
        "earned": outcome.points if outcome.passed else 0.0,
        "observed": list(verdict.observed),
        "location": place and {"file": place.file, "line": place.line},
        "raised": raised
        and {
            "type": raised.type_name,
            "message": raised.message,
            "traceback": raised.traceback,
        },
        "output": outcome.output,
        "claims": outcome.claims,
        "attempts": outcome.attempts,
        "timing": {"cpu": outcome.cpu, "wall": outcome.wall},
    }
