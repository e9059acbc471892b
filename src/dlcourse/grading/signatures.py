"""What the results of each planted mistake look like, and which of them graded code's fit.

`NAME.signatures.json` is written by the audit. It holds what a learner is told and no line of a
solution, so it may travel where the mistakes themselves may not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dlcourse.errors import CourseError
from dlcourse.grading.report import Misconception  # noqa: TC001 - pydantic reads annotations
from dlcourse.grading.selection import means

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT_VERSION: Final = 1

_NUMBERS: Final = re.compile(r"\d+(?:[.,]\d+)*")
_CANDIDATES: Final = 6
_LEAST_OVERLAP: Final = 0.05
# Without the mistake's own code to compare with, only a near-perfect fit is told.
_CERTAIN: Final = 0.8
_MARGIN: Final = 0.1


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Trace(_Model):
    """How one test ends with a mistake: the ending, and the sentences that every run shows.

    Numbers in the sentences are `#`, as they differ from run to run. `always` is false for a test
    that some runs pass.
    """

    outcome: str
    seen: tuple[str, ...] = ()
    always: bool = True


class Signature(_Model):
    """A planted mistake: what to tell who makes it, the test named for it, the lost tests."""

    misconception: Misconception
    test: str
    lost: dict[str, Trace]


class Signatures(_Model):
    """`NAME.signatures.json`: the signatures of an exercise's mistakes, in the file's order."""

    format_version: Literal[1] = FORMAT_VERSION
    exercise: str
    mistakes: tuple[Signature, ...] = ()


@dataclass(frozen=True)
class Seen:
    """How a test ended with graded code: `observed` are the sentences as they were told."""

    outcome: str
    observed: tuple[str, ...] = ()

    @property
    def templates(self) -> tuple[str, ...]:
        """The sentences without their numbers."""
        return tuple(template(sentence) for sentence in self.observed)


@dataclass(frozen=True)
class Candidate:
    """A mistake that results may come from, and how well they fit, from 0 to 1."""

    signature: Signature
    fit: float


def template(sentence: str) -> str:
    """Return a sentence with `#` for each number in it."""
    return _NUMBERS.sub("#", sentence)


def read_signatures(file: Path) -> Signatures | None:
    """Return what the audit has written; None where it has not yet.

    Raises:
        CourseError: the file is damaged.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return Signatures.model_validate_json(text)
    except ValidationError:
        name = file.name.partition(".")[0]
        raise CourseError(
            f"`{file}` is damaged: write it anew with `dlcourse audit {name}`"
        ) from None


def candidates(signatures: Signatures, lost: Mapping[str, Seen]) -> list[Candidate]:
    """Return the mistakes that `lost` tests may come from, the best fit first."""
    found = [
        Candidate(one, _fit(one, lost))
        for one in signatures.mistakes
        if any(means(one.test, test) for test in lost)
    ]
    likely = [one for one in found if one.fit >= _LEAST_OVERLAP]
    return sorted(likely, key=lambda one: -one.fit)[:_CANDIDATES]


def certain(found: list[Candidate]) -> Candidate | None:
    """Return the one candidate that fits nearly perfectly and much better than all others."""
    if not found or found[0].fit < _CERTAIN:
        return None
    if len(found) > 1 and found[1].fit > found[0].fit - _MARGIN:
        return None
    return found[0]


def _fit(signature: Signature, lost: Mapping[str, Seen]) -> float:
    """How alike two sets of lost tests are, and what was seen in them."""
    due = {name for name, trace in signature.lost.items() if trace.always}
    counted = {name for name in lost if name in due or name not in signature.lost}
    common = due & counted
    if not common:
        return 0.0
    overlap = len(common) / len(due | counted)
    alike = sum(_alike(signature.lost[name], lost[name]) for name in common) / len(common)
    return overlap * (1 + alike) / 2


def _alike(trace: Trace, seen: Seen) -> bool:
    return trace.outcome == seen.outcome and set(trace.seen) <= set(seen.templates)


def signature_of(
    misconception: Misconception, test: str, runs: Iterable[Mapping[str, Seen]]
) -> Signature:
    """Return the signature of a mistake that lost these tests, one mapping for each run."""
    runs = list(runs)
    names = {name: None for run in runs for name in run}  # in the suite's order
    lost = {name: _trace([run.get(name) for run in runs]) for name in names}
    return Signature(misconception=misconception, test=test, lost=lost)


def _trace(seen: list[Seen | None]) -> Trace:
    met = [one for one in seen if one is not None]
    outcomes = {one.outcome for one in met}
    shared = [text for text in met[0].templates if all(text in one.templates for one in met)]
    return Trace(
        outcome=met[0].outcome if len(outcomes) == 1 else "failed",
        seen=tuple(dict.fromkeys(shared)),
        always=len(met) == len(seen),
    )
