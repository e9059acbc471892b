"""What an audit found out: one versioned model, shown many ways."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from dlcourse.grading.report import Environment  # noqa: TC001 - pydantic reads the annotations

FORMAT_VERSION: Final = 1


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Finding(_Model):
    """Something that must be mended: which point of the gate, where, what, and what to do.

    `gate` is 0 where the suite cannot be run at all, else 1 to 7. `file` is relative to the course
    and `line` counts from 1.
    """

    gate: int
    file: str
    line: int
    problem: str
    remedy: str

    @property
    def sentence(self) -> str:
        """The finding on one line."""
        return f"{self.file}:{self.line}: {self.problem}: {self.remedy}"


class Survivor(_Model):
    """A generated mutant that no test caught, and why that is right, if somebody said so."""

    mutant: str
    line: int
    kind: str
    reason: str | None = None


class Figures(_Model):
    """What was counted for one exercise.

    `seeds` is how many runs the solution and each variant passed. `killed` of `mutants` were
    caught. `seconds` is the suite's time on one thread, `cost` that of the audit.
    `pending` counts the theory anchors of pages that are not written yet.
    """

    tests: int = 0
    points: float = 0.0
    variants: int = 0
    seeds: int = 0
    mistakes: int = 0
    mutants: int = 0
    killed: int = 0
    trivial: int = 0
    pending: int = 0
    seconds: float = 0.0
    cost: float = 0.0


class ExerciseAudit(_Model):
    """The audit of one exercise.

    `digest` is the SHA-256 of all that decides the outcome. `matrix` tells for each mistake which
    tests it loses: a mark for each of `tests`, `x` lost, `e` lost by an error, `~` lost in some
    runs only, `.` passed.
    """

    exercise: str
    day: str
    title: str
    core: bool
    digest: str
    figures: Figures
    tests: tuple[str, ...] = ()
    mapped: dict[str, str] = {}
    matrix: dict[str, str] = {}
    survivors: tuple[Survivor, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def green(self) -> bool:
        """Whether nothing is to be mended."""
        return not self.findings


class AuditReport(_Model):
    """The audit of a course, or of a part of it."""

    format_version: Literal[1] = FORMAT_VERSION
    course: str
    environment: Environment
    exercises: tuple[ExerciseAudit, ...]
    stale: tuple[Finding, ...] = ()

    @property
    def green(self) -> bool:
        """Whether nothing is to be mended."""
        return not self.stale and all(one.green for one in self.exercises)
