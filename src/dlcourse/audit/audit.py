"""The audit of many exercises, one after another, each spread over all graders."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Protocol

from dlcourse import __version__
from dlcourse.audit.examine import Examination
from dlcourse.audit.lock import read_lock, write_lock
from dlcourse.audit.model import AuditReport, Finding
from dlcourse.audit.trials import Farm
from dlcourse.grading.report import Environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dlcourse.audit.model import ExerciseAudit
    from dlcourse.course import Course, Exercise
    from dlcourse.grading.signatures import Signatures

LEAST_KILLED: Final = 0.95


@dataclass(frozen=True)
class AuditRequest:
    """What to audit, on how many seeds, with how many graders; `write` keeps what was found."""

    course: Course
    exercises: Sequence[Exercise]
    secret: str
    seeds: int = 20
    jobs: int = 2
    write: bool = True
    stale: tuple[Finding, ...] = ()


class Listener(Protocol):
    """Hears of each exercise when it has been audited."""

    def started(self, exercise: Exercise) -> None:
        """An exercise begins."""

    def finished(self, audit: ExerciseAudit) -> None:
        """An exercise is done."""


def run_audit(request: AuditRequest, listener: Listener) -> AuditReport:
    """Audit the exercises; signatures and the lock are written as each is done."""
    environment = _environment()
    audits = []
    with Farm(request.course, secret=request.secret, jobs=request.jobs) as farm:
        for exercise in request.exercises:
            listener.started(exercise)
            keep = write_signatures if request.write else partial(_committed, farm.folder)
            audit = Examination(exercise, farm, request.seeds, keep).audit()
            if request.write:
                _note(request.course, audit, environment)
            audits.append(audit)
            listener.finished(audit)
    stale = (*request.stale, *_too_few_killed(request, audits))
    return AuditReport(
        course=request.course.title, environment=environment, exercises=tuple(audits), stale=stale
    )


def write_signatures(exercise: Exercise, signatures: Signatures) -> Path:
    """Write what the planted mistakes look like, for `dlcourse check` to read."""
    _write(exercise.signatures_file, signatures)
    return exercise.signatures_file


def _committed(folder: Path, exercise: Exercise, signatures: Signatures) -> Path:
    """Leave the course alone: what it has is tried, or else what it would have."""
    if exercise.signatures_file.is_file():
        return exercise.signatures_file
    file = folder / exercise.signatures_file.name
    _write(file, signatures)
    return file


def _write(file: Path, signatures: Signatures) -> None:
    text = json.dumps(signatures.model_dump(mode="json"), indent=1, ensure_ascii=False)
    draft = file.with_suffix(".new")
    draft.write_text(f"{text}\n", encoding="utf-8")
    draft.replace(file)


def _note(course: Course, audit: ExerciseAudit, environment: Environment) -> None:
    lock = read_lock(course.root).of(course)
    noted = lock.with_audit(audit, dlcourse=environment.dlcourse, torch=environment.torch)
    write_lock(course.root, noted)


def _environment() -> Environment:
    return Environment(
        dlcourse=__version__,
        python=platform.python_version(),
        torch=version("torch"),
        platform=f"{platform.system()} {platform.machine()}",
    )


def _too_few_killed(request: AuditRequest, audits: Sequence[ExerciseAudit]) -> Sequence[Finding]:
    """4: at least 95 % of a whole course's mutants are killed, however well the rest is told."""
    if len(audits) < len(request.course.exercises):
        return ()
    made = sum(audit.figures.mutants for audit in audits)
    killed = sum(audit.figures.killed for audit in audits)
    if killed >= LEAST_KILLED * made:
        return ()
    problem = f"only {killed:,} of {made:,} mutants are killed, less than {LEAST_KILLED:.0%}"
    remedy = "add tests that tell the explained ones from the solutions"
    return (Finding(gate=4, file="graders", line=1, problem=problem, remedy=remedy),)
