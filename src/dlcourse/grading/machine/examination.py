"""Examines this machine: each part is tried, and what fails is a finding, never an exception."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from dlcourse import __version__
from dlcourse.course import find_course, load_course
from dlcourse.errors import DlcourseError
from dlcourse.grading.machine import compilers, resources
from dlcourse.grading.machine.advice import Surroundings, advise
from dlcourse.grading.machine.cgroups import Groups
from dlcourse.grading.machine.model import (
    CourseFound,
    Device,
    Layer,
    Machine,
    Package,
    Python,
    Torch,
    Triton,
    Worker,
)
from dlcourse.grading.machine.trial import TrialFailed, attempt
from dlcourse.sandbox.tier import Tier, strongest, tier_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PACKAGES: Final = ("torch", "numpy", "pytest", "pydantic", "click", "rich")
# A cold PyTorch with CUDA takes a minute to load from a slow disk.
TRIAL_SECONDS: Final = 150.0
COMPILER_SECONDS: Final = 10.0


class _Devices(BaseModel):
    """What the probe of CUDA tells."""

    devices: tuple[Device, ...] = ()
    problem: str | None = None


class _Started(BaseModel):
    """What the probe of a worker tells: its layers, which nothing is known to do about yet."""

    layers: tuple[Layer, ...] = ()
    problem: str | None = None


def examine(
    course: Path | None, required: Tier = "none", seconds: float = TRIAL_SECONDS
) -> Machine:
    """Try everything; one after another, since several copies of PyTorch may not fit the memory.

    `course` is the course's folder, or None for the one that is found; no trial takes longer than
    `seconds`.
    """
    groups, found, torch = Groups(), course_found(course), tried_torch(seconds)
    return Machine(
        platform=f"{platform.system()} {platform.machine()}",
        kernel=platform.release(),
        python=Python(version=platform.python_version(), executable=sys.executable),
        packages=packages(),
        memory=resources.memory(groups),
        processors=resources.processors(groups),
        folders=resources.folders(),
        torch=torch,
        devices=(Device(name="cpu", problem=torch.problem), *cuda_devices(torch, seconds)),
        triton=tried_triton(seconds),
        compilers=compilers.compilers(min(seconds, COMPILER_SECONDS)),
        course=found,
        worker=tried_worker(seconds),
        required=strongest(required, found.required),
    )


def packages() -> tuple[Package, ...]:
    """Return the versions of what the program rests on, without loading any of it."""
    versions = [(name, _version_of(name)) for name in PACKAGES]
    return tuple(Package(name=n, version=v) for n, v in (("dlcourse", __version__), *versions))


def course_found(folder: Path | None) -> CourseFound:
    """Return the course that commands work on here, or why there is none."""
    try:
        course = load_course(find_course(folder))
    except DlcourseError as error:
        first, *others = str(error).splitlines()
        more = f" (and {len(others)} more: type `dlcourse list`)" if others else ""
        return CourseFound(problem=f"{first}{more}")
    return CourseFound(
        root=str(course.root),
        title=course.title,
        exercises=len(course.exercises),
        required=course.required,
    )


def tried_torch(seconds: float) -> Torch:
    """Return what PyTorch does here."""
    try:
        return attempt("torch", Torch, seconds)
    except TrialFailed as failed:
        return Torch(problem=str(failed))


def cuda_devices(torch: Torch, seconds: float) -> Sequence[Device]:
    """Return every GPU after a computation on it, or one entry that says why there is none."""
    if torch.problem is not None:
        return [Device(name="cuda", problem="not tried, since PyTorch does not work")]
    if torch.cuda is None:
        return [Device(name="cuda", problem="this build of PyTorch has no CUDA")]
    try:
        found = attempt("cuda", _Devices, seconds)
    except TrialFailed as failed:
        found = _Devices(problem=str(failed))
    none = Device(name="cuda", problem=found.problem or "no device")
    return found.devices or [none]


def tried_triton(seconds: float) -> Triton:
    """Return what Triton's interpreter does, where Triton is installed."""
    version = _version_of("triton")
    if version is None:
        return Triton(problem="not installed")
    try:
        tried = attempt("triton", Triton, seconds)
    except TrialFailed as failed:
        tried = Triton(problem=str(failed))
    return tried.model_copy(update={"version": tried.version or version})


def tried_worker(seconds: float) -> Worker:
    """Return how a worker is held here, and whether it answers."""
    try:
        started = attempt("worker", _Started, seconds)
    except TrialFailed as failed:
        return Worker(problem=str(failed))
    around = Surroundings.here()
    return Worker(
        tier=tier_of([layer.name for layer in started.layers if layer.active]),
        layers=tuple(_advised(layer, around) for layer in started.layers),
        problem=started.problem,
    )


def _advised(layer: Layer, around: Surroundings) -> Layer:
    remedy = advise(layer.name, layer.detail, around, active=layer.active)
    return layer if remedy is None else layer.model_copy(update=remedy._asdict())


def _version_of(name: str) -> str | None:
    # Metadata without a version gives None, whatever its type says.
    version: Any = None
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
    return None if version is None else str(version)
