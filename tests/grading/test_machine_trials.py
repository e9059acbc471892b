"""Probes in processes of their own, and what becomes of installations that crash or hang."""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from stand_ins import (
    BROKEN_TORCH,
    CRASHING_TORCH,
    EXITING_TORCH,
    HANGING_TORCH,
    TORCH_WITH_GPUS,
    TORCH_WITHOUT_DRIVER,
    TRITON,
    TRITON_LANGUAGE,
    install,
)

from dlcourse.grading.machine.examination import (
    course_found,
    cuda_devices,
    packages,
    tried_torch,
    tried_triton,
    tried_worker,
)
from dlcourse.grading.machine.model import Device, Torch, Worker
from dlcourse.grading.machine.trial import TrialFailed, attempt
from dlcourse.sandbox.tier import tier_of

if TYPE_CHECKING:
    from pathlib import Path

AMPLE = 150.0
FOR_CUDA = Torch(version="2.13.0", cuda="13.0", threads=1, deterministic=True)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages come before those that are installed."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr("sys.path", [str(folder), *sys.path])
    return folder


def test_torch_is_loaded_and_computes() -> None:
    """A PyTorch that works has a version, threads, and the same gradient twice."""
    torch = tried_torch(AMPLE)
    assert torch.problem is None
    assert torch.version == metadata.version("torch")
    assert torch.threads is not None
    assert torch.threads >= 1
    assert torch.deterministic is True


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (BROKEN_TORCH, "OSError: libcudart.so.13: cannot open shared object file"),
        (CRASHING_TORCH, "the process crashed: a segmentation fault"),
        (EXITING_TORCH, "SystemExit: 5"),
        ("import os\nos._exit(5)\n", "the process exited with code 5 before answering"),
    ],
)
def test_a_torch_that_does_not_load_is_a_finding(shelf: Path, source: str, problem: str) -> None:
    """Whatever importing it does, one line says so."""
    install(shelf, "torch", source)
    assert tried_torch(AMPLE) == Torch(problem=problem)


def test_a_torch_that_hangs_is_given_up(shelf: Path) -> None:
    """A probe without an answer is ended at its deadline."""
    install(shelf, "torch", HANGING_TORCH)
    assert tried_torch(2.0) == Torch(problem="no answer within 2 s")


def test_an_answer_of_the_wrong_form_is_a_finding(shelf: Path) -> None:
    """A probe whose answer does not fit is as good as none."""
    install(shelf, "torch", TORCH_WITH_GPUS)
    with pytest.raises(TrialFailed, match="the answer makes no sense"):
        attempt("cuda", Torch, AMPLE)


def test_every_gpu_is_tried_by_itself(shelf: Path) -> None:
    """A device that fails has a reason, and leaves the others."""
    install(shelf, "torch", TORCH_WITH_GPUS)
    assert cuda_devices(FOR_CUDA, AMPLE) == (
        Device(name="cuda:0", model="Stand-in", memory=1 << 30),
        Device(name="cuda:1", problem="RuntimeError: CUDA error: out of order"),
    )


@pytest.mark.parametrize(
    ("source", "seconds", "problem"),
    [
        (TORCH_WITHOUT_DRIVER, AMPLE, "RuntimeError: Found no NVIDIA driver on your system."),
        (CRASHING_TORCH, AMPLE, "the process crashed: a segmentation fault"),
        (HANGING_TORCH, 2.0, "no answer within 2 s"),
    ],
)
def test_a_driver_that_fails_is_a_finding(
    shelf: Path, source: str, seconds: float, problem: str
) -> None:
    """A missing, a crashing and a hanging driver each give one entry with the reason."""
    install(shelf, "torch", source)
    assert list(cuda_devices(FOR_CUDA, seconds)) == [Device(name="cuda", problem=problem)]


@pytest.mark.parametrize(
    ("torch", "problem"),
    [
        (Torch(version="2.13.0+cpu"), "this build of PyTorch has no CUDA"),
        (Torch(problem="it is broken"), "not tried, since PyTorch does not work"),
    ],
)
def test_cuda_is_not_tried_in_vain(torch: Torch, problem: str) -> None:
    """Where there can be no GPU, one entry says why."""
    assert list(cuda_devices(torch, AMPLE)) == [Device(name="cuda", problem=problem)]


def test_triton_that_is_not_installed_is_no_fault() -> None:
    """Without Triton there is no version, and the reason."""
    if find_spec("triton"):
        pytest.skip("Triton is installed here")
    triton = tried_triton(AMPLE)
    assert (triton.version, triton.problem) == (None, "not installed")


def test_triton_that_is_installed_runs_a_kernel() -> None:
    """The interpreter of a real Triton adds sixteen numbers."""
    if find_spec("triton") is None:
        pytest.skip("Triton is not installed here")
    assert tried_triton(AMPLE).problem is None


@pytest.mark.parametrize(
    ("factor", "problem"), [("1", None), ("2", "its interpreter computes wrong numbers")]
)
def test_the_kernel_s_sums_are_checked(shelf: Path, factor: str, problem: str | None) -> None:
    """The interpreter is asked for, and wrong sums are told."""
    install(shelf, "triton", TRITON)
    (shelf / "triton" / "language.py").write_text(TRITON_LANGUAGE.replace("{factor}", factor))
    about = shelf / "triton-3.5.0.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text("Metadata-Version: 2.1\nName: triton\nVersion: 3.5.0\n")
    triton = tried_triton(AMPLE)
    assert (triton.version, triton.problem) == ("3.5.0", problem)


def test_a_worker_is_started_and_answers() -> None:
    """The layers are those that a worker reports, and the tier is what they amount to."""
    worker = tried_worker(AMPLE)
    assert worker.problem is None
    assert {"limits", "landlock", "seccomp"} <= {layer.name for layer in worker.layers}
    assert worker.tier == tier_of([layer.name for layer in worker.layers if layer.active])
    assert [layer.name for layer in worker.layers if not layer.active and not layer.advice] == []


def test_without_torch_no_worker_starts(shelf: Path) -> None:
    """The reason names what does not load."""
    install(shelf, "torch", BROKEN_TORCH)
    assert tried_worker(AMPLE) == Worker(
        problem="OSError: libcudart.so.13: cannot open shared object file"
    )


def test_packages_are_named_with_their_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions come from what is installed; what is missing has none."""
    found = {package.name: package.version for package in packages()}
    assert list(found)[:2] == ["dlcourse", "torch"]
    assert found["numpy"] == metadata.version("numpy")
    monkeypatch.setattr("sys.path", [])
    assert {package.version for package in packages()[1:]} == {None}


def test_a_course_is_found_or_the_reason_told(tmp_path: Path) -> None:
    """A folder that is no course, and one with several defects, are findings."""
    nothing = course_found(tmp_path)
    assert nothing.problem is not None
    assert nothing.problem.startswith(f"`{tmp_path}` names no course: ")
    (tmp_path / "course.toml").write_text("format = 1\n")
    defects = course_found(tmp_path)
    assert defects.root is None
    assert defects.problem == (
        "course.toml: title: is missing; add it (and 1 more: type `dlcourse list`)"
    )
