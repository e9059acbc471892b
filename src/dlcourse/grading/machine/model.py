"""What was found of a machine: one versioned model, shown on a terminal or as JSON.

Where a `problem` is None, the thing was tried and works; else it is a sentence that says why not.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from dlcourse.sandbox.tier import Tier, is_enough

FORMAT_VERSION: Final = 1


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Python(_Model):
    """The interpreter that runs the program."""

    version: str
    executable: str


class Package(_Model):
    """A distribution that the program rests on; `version` is None where it is not installed."""

    name: str
    version: str | None


class Memory(_Model):
    """Bytes: in all, free for new programs, and what a container's limit leaves of them."""

    total: int | None
    available: int | None
    limit: int | None


class Processors(_Model):
    """How many there are, how many this process may run on, and a container's share of them."""

    present: int
    usable: int
    quota: float | None


class Folder(_Model):
    """A folder that the program writes to; `free` is in bytes."""

    purpose: Literal["state", "temporary"]
    path: str
    free: int | None = None
    problem: str | None = None


class Compiler(_Model):
    """A compiler by the name it is called with; all is None where there is none."""

    name: str
    path: str | None = None
    version: str | None = None
    problem: str | None = None


class Torch(_Model):
    """PyTorch, after a small computation; `cuda` is the version that it was built for."""

    version: str | None = None
    cuda: str | None = None
    threads: int | None = None
    deterministic: bool | None = None
    problem: str | None = None


class Device(_Model):
    """Where tensors can live: `cpu`, `cuda:0` and so on; `memory` is in bytes.

    A device named `cuda` stands for all of them, where none could be tried.
    """

    name: str
    model: str | None = None
    memory: int | None = None
    problem: str | None = None


class Triton(_Model):
    """Triton and its interpreter, which runs kernels without a GPU."""

    version: str | None = None
    problem: str | None = None


class CourseFound(_Model):
    """The course that a command would work on from here, and the tier that it requires."""

    root: str | None = None
    title: str | None = None
    exercises: int | None = None
    required: Tier = "none"
    problem: str | None = None


class Layer(_Model):
    """A layer of confinement as a worker obtained it, or not.

    `advice` is what to do about it, `command` what to type for that, where one line does it.
    """

    name: str
    active: bool
    detail: str
    advice: str | None = None
    command: str | None = None


class Worker(_Model):
    """A worker that was started, was given a file, and was asked for an answer."""

    tier: Tier = "none"
    layers: tuple[Layer, ...] = ()
    problem: str | None = None


class Machine(_Model):
    """Everything that was found; `required` is the tier that was asked for, the course included."""

    format_version: Literal[1] = FORMAT_VERSION
    platform: str
    kernel: str
    python: Python
    packages: tuple[Package, ...]
    memory: Memory
    processors: Processors
    folders: tuple[Folder, ...]
    torch: Torch
    devices: tuple[Device, ...]
    triton: Triton
    compilers: tuple[Compiler, ...]
    course: CourseFound
    worker: Worker
    required: Tier = "none"

    @property
    def grades(self) -> bool:
        """Whether graded code can be run here at all."""
        return self.worker.problem is None

    @property
    def is_strong_enough(self) -> bool:
        """Whether a worker is held as strongly as required."""
        return is_enough(self.worker.tier, self.required)
