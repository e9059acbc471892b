"""What a grader process is told, and what it tells: plain JSON in both directions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dlcourse.sandbox.tier import Tier


@dataclass(frozen=True)
class GraderSettings:
    """What holds for the whole life of a grader process; it comes from the instructor's side.

    `hidden` are paths that no worker may read, `secret` (hexadecimal) is what seeds derive from,
    `warm` prepares for many submissions, or for suites that train, rather than for one. No graded
    code runs in a worker that is confined less than `required`. No test is ended before it has used
    `least_cpu` seconds; a suite that says nothing for `patience` seconds is given up, and a test
    that itself computes for a fifteenth of them has failed. After
    `most_wall` seconds no further test of an exercise is begun, which sleepers would stretch.
    """

    hidden: tuple[str, ...]
    secret: str
    warm: bool = False
    least_cpu: float = 2.0
    patience: float = 900.0
    most_wall: float = 180.0
    required: Tier = "none"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GraderSettings:
        """Read settings back."""
        return cls(**{**data, "hidden": tuple(data["hidden"])})


@dataclass(frozen=True)
class Job:
    """One exercise of one submission to grade.

    `workdir` is the submission's folder and `files` its files beneath it, by module name, the
    stub first. `only` limits the run to some tests, and to those that they require. `forbidden`
    are the calls that would be no answer. `refusal` says why nothing of the submission is to be
    read, if so. `until_lost` ends the run with the first test that is
    not passed: enough to tell a right program from a wrong one. `signatures` and `mistakes` are the
    files of the exercise's planted mistakes, by which lost tests are explained; empty for none.
    """

    exercise: str
    suite: str
    solution: str
    workdir: str
    files: dict[str, str]
    run: int
    device: str = "cpu"
    only: tuple[str, ...] = ()
    isolation: Literal["exercise", "test"] = "exercise"
    forbidden: tuple[str, ...] = ()
    refusal: str = ""
    until_lost: bool = False
    signatures: str = ""
    mistakes: str = ""

    @property
    def file(self) -> PurePosixPath:
        """The learner's main file, relative to `workdir`."""
        return PurePosixPath(self.files[self.exercise])

    def to_json(self) -> dict[str, Any]:
        """The job as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Job:
        """Read a job back."""
        return cls(**{**data, "only": tuple(data["only"]), "forbidden": tuple(data["forbidden"])})
