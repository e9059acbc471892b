"""`audit.lock`: for each exercise, what its last green audit saw, and of which files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dlcourse.audit.digest import digest_of
from dlcourse.audit.model import Figures, Finding
from dlcourse.errors import CourseError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dlcourse.audit.model import ExerciseAudit
    from dlcourse.course import Course, Exercise

FILE: Final = "audit.lock"
FORMAT_VERSION: Final = 1


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Locked(_Model):
    """One exercise: the hash of what decides the outcome, the versions it was audited under."""

    digest: str
    dlcourse: str
    torch: str
    figures: Figures


class Lock(_Model):
    """The whole file; exercises are sorted by name, so that changes read well and merge."""

    format_version: Literal[1] = FORMAT_VERSION
    exercises: dict[str, Locked] = {}

    def with_audit(self, audit: ExerciseAudit, *, dlcourse: str, torch: str) -> Lock:
        """Return the lock with one exercise noted anew, or taken out if it is not green."""
        rest = {name: one for name, one in self.exercises.items() if name != audit.exercise}
        if audit.green:
            rest[audit.exercise] = Locked(
                digest=audit.digest, dlcourse=dlcourse, torch=torch, figures=audit.figures
            )
        return Lock(exercises=dict(sorted(rest.items())))

    def of(self, course: Course) -> Lock:
        """Return the lock without exercises that the course has no longer."""
        names = {exercise.name for exercise in course.exercises}
        return Lock(exercises={key: one for key, one in self.exercises.items() if key in names})

    def fits(self, exercise: Exercise) -> bool:
        """Whether an exercise is as it was when it was audited."""
        locked = self.exercises.get(exercise.name)
        return locked is not None and locked.digest == digest_of(exercise)


def read_lock(root: Path) -> Lock:
    """Return a course's lock, empty where there is none; raises CourseError for a damaged one."""
    try:
        return Lock.model_validate_json((root / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Lock()
    except ValidationError:
        raise CourseError(
            f"`{FILE}` is damaged: take it from your version control, or delete it and type "
            "`dlcourse audit`"
        ) from None


def write_lock(root: Path, lock: Lock) -> None:
    """Write a course's lock, whole or not at all."""
    draft = root / f"{FILE}.new"
    text = json.dumps(lock.model_dump(mode="json"), indent=1, sort_keys=True)
    draft.write_text(f"{text}\n", encoding="utf-8")
    draft.replace(root / FILE)


def stale(course: Course, lock: Lock) -> Iterable[Finding]:
    """Yield a finding for each exercise that is not as the lock has it."""
    for exercise in course.exercises:
        if not lock.fits(exercise):
            known = exercise.name in lock.exercises
            yield _finding(
                f"`{exercise.name}` has changed since it was audited"
                if known
                else f"`{exercise.name}` has not been audited",
                f"type `dlcourse audit {exercise.name}` and commit `{FILE}`",
            )
    names = {exercise.name for exercise in course.exercises}
    for name in sorted(set(lock.exercises) - names):
        yield _finding(
            f"`{name}` is no exercise any more", f"type `dlcourse audit` and commit `{FILE}`"
        )


def _finding(problem: str, remedy: str) -> Finding:
    return Finding(gate=0, file=FILE, line=1, problem=problem, remedy=remedy)
