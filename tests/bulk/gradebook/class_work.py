"""Reports and attempts to fill gradebooks with."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from dlcourse.grading.report import (
    Confinement,
    Environment,
    ExerciseReport,
    Layer,
    Location,
    Misconception,
    Outcome,
    Raised,
    TestReport,
    Timing,
    Versions,
)

if TYPE_CHECKING:
    from dlcourse.bulk.gradebook import Attempt, Gradebook, Result

DAY = "day24_reinforcement"
EXERCISE = "ppo_loss"
ENVIRONMENT = Environment(dlcourse="0.1.0", python="3.11.7", torch="2.13.0", platform="Linux")
CONFINEMENT = Confinement(
    tier="confined",
    layers=(
        Layer(name="seccomp", active=True, detail="active"),
        Layer(name="namespaces", active=False, detail="this kernel gives none"),
    ),
)


def sha(text: str) -> str:
    """Return a hash as attempts and reports carry them."""
    return hashlib.sha256(text.encode()).hexdigest()


def a_report(earned: float = 1, points: float = 4, *, name: str = "test_value") -> ExerciseReport:
    """Return a report that uses every field, with text that no encoding likes."""
    lost = TestReport(
        name=name,
        sentence="The loss equals the reference, “exactly”.",
        outcome=Outcome.ERROR,
        points=points - earned,
        earned=0,
        observed=("3 of 4 elements differ", "tab\there"),
        location=Location(file="ppo_loss.py", line=3),
        raised=Raised(type="ValueError", message="half a pair: \udcff, NUL: \0", traceback="…"),
        output="\x1b[31mred\x1b[0m",
        misconception=Misconception(id="max-for-min", text="t", hint="h", anchor="a#b"),
        claims=True,
        attempts=2,
        timing=Timing(cpu=0.1, wall=1 / 3),
    )
    won = TestReport(
        name="test_shape", sentence="s", outcome=Outcome.PASSED, points=earned, earned=earned
    )
    return ExerciseReport(
        exercise=EXERCISE,
        day=DAY,
        title="PPO",
        file="ppo_loss.py",
        weight=1.5,
        device="cpu",
        versions=Versions(submission=sha("mine"), suite=sha("suite"), solution=sha("solution")),
        tests=(lost, won),
        points=points,
        earned=earned,
        problem="a problem",
    )


def an_attempt(book: Gradebook, student: str = "ada", **changed: Any) -> Attempt:
    """Add an attempt, some fields of which may differ."""
    fields = {
        "day": DAY,
        "exercise": EXERCISE,
        "content": sha("mine"),
        "submitted_at": None,
        "origin": f"{student}/ppo_loss.py",
    }
    return book.add_attempt(student=student, **{**fields, **changed})


def record(
    book: Gradebook,
    attempt: Attempt,
    earned: float = 1,
    *,
    key: str = "key",
    proposed: bool = False,
) -> Result:
    """Record a result of so many points for an attempt."""
    return book.record(
        attempt,
        a_report(earned),
        key=key,
        environment=ENVIRONMENT,
        confinement=CONFINEMENT,
        seed=4_000_000_000,
        proposed=proposed,
    )
