"""From what ended a test to what its report says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from torch.autograd.gradcheck import GradcheckError

from dlcourse.sandbox.faults import (
    Place,
    StudentCrash,
    StudentError,
    StudentFault,
    StudentTimeout,
    WrongAnswer,
)
from dlcourse.testing.mismatch import Mismatch

Ending = Literal["passed", "failed", "error", "skipped", "broken"]

_MAX_SENTENCE = 1000


@dataclass(frozen=True)
class Verdict:
    """How a test ended and what was observed; `raised` is the learner's own exception."""

    ending: Ending
    observed: tuple[str, ...] = ()
    place: Place | None = None
    raised: StudentError | None = None
    timeout: StudentTimeout | None = None


@dataclass
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


PASSED = Verdict("passed")


def verdict_on(error: BaseException | None) -> Verdict | None:
    """The verdict on what a test raised; None where only the solution can tell who is to blame."""
    match error:
        case None:
            return PASSED
        case pytest.skip.Exception():
            return Verdict("skipped", (str(error),))
        case pytest.fail.Exception():
            return Verdict("failed", (_failure(str(error)),))
        case StudentFault():
            return _blame(error)
        case Mismatch():
            return Verdict("failed", error.observed)
        case AssertionError():
            return Verdict("failed", tuple(_lines(error)))
        case GradcheckError():
            return Verdict("failed", ("the gradient differs from finite differences",))
        case _:
            return None


def _blame(fault: StudentFault) -> Verdict:
    match fault:
        case WrongAnswer():
            return Verdict("failed", (str(fault),))
        case StudentError():
            return Verdict("error", (_raised(fault),), fault.place, raised=fault)
        case StudentTimeout():
            return Verdict("error", (_at(str(fault), fault.place),), fault.place, timeout=fault)
        case StudentCrash():
            return Verdict("error", (_at(str(fault), fault.place),), fault.place)
        case _:
            return Verdict("error", (str(fault),))


def _raised(error: StudentError) -> str:
    """One sentence for an exception of graded code."""
    if isinstance(error, MemoryError) or "can't allocate memory" in error.message:
        return _at("ran out of memory", error.place)
    if isinstance(error, NotImplementedError):
        return _at("is not implemented yet", error.place)
    return _at(f"raised {str(error).splitlines()[0][:_MAX_SENTENCE]}", error.place)


def _at(sentence: str, place: Place | None) -> str:
    return f"{sentence} (`{place.file}`, line {place.line})" if place else sentence


def _failure(text: str) -> str:
    """`pytest.raises` says DID NOT RAISE; a learner reads it as a sentence."""
    return text[:_MAX_SENTENCE].replace("DID NOT RAISE", "no exception was raised, but should be:")


def _lines(error: AssertionError) -> list[str]:
    """The message that the suite's author gave a bare assert, if any."""
    return [str(error)[:_MAX_SENTENCE]] if error.args and str(error) else []


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
