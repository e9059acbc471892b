"""Memory, processors, folders and compilers of a machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlcourse.grading.machine.cgroups import Groups
from dlcourse.grading.machine.compilers import NAMES, compilers
from dlcourse.grading.machine.model import Compiler, Memory
from dlcourse.grading.machine.resources import (
    folders,
    memory,
    processors,
    state_folder,
    temporary_folder,
)

MIB = 1 << 20


def groups(root: Path, listing: str, **files: str) -> Groups:
    """Write a tree of control groups; a file's path has `__` for each slash, `_DOT_` for a dot."""
    (root / "cgroup").write_text(listing)
    for name, text in files.items():
        path = root / "fs" / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "fs").mkdir(exist_ok=True)
    return Groups(root / "cgroup", root / "fs")


def test_the_lowest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    """A group is bound by every group above it."""
    found = groups(
        tmp_path,
        "0::/slice/service\n",
        memory_DOT_max=f"{900 * MIB}\n",
        slice__memory_DOT_max=f"{300 * MIB}\n",
        slice__service__memory_DOT_max="max\n",
        slice__cpu_DOT_max="150000 100000\n",
        slice__service__cpu_DOT_max="400000 100000\n",
        other__memory_DOT_max="1\n",
    )
    assert (found.memory(), found.processors()) == (300 * MIB, 1.5)


def test_the_first_version_of_control_groups_is_read_too(tmp_path: Path) -> None:
    """There each controller has a tree of its own, and -1 is no limit."""
    found = groups(
        tmp_path,
        "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n",
        memory__memory_DOT_limit_in_bytes=f"{512 * MIB}\n",
        cpu__cpu_DOT_cfs_quota_us="50000\n",
        cpu__cpu_DOT_cfs_period_us="100000\n",
        cpu__docker__abc__cpu_DOT_cfs_quota_us="-1\n",
        cpu__docker__abc__cpu_DOT_cfs_period_us="100000\n",
    )
    assert (found.memory(), found.processors()) == (512 * MIB, 0.5)


@pytest.mark.parametrize("listing", ["", "0::/\n", "nonsense\n"])
def test_without_limits_there_are_none(tmp_path: Path, listing: str) -> None:
    """An empty tree, or none at all, limits nothing."""
    found = groups(tmp_path, listing)
    assert (found.memory(), found.processors()) == (None, None)
    missing = Groups(tmp_path / "nowhere", tmp_path / "nowhere")
    assert (missing.memory(), missing.processors()) == (None, None)


@pytest.mark.parametrize(("limit", "told"), [(300 * MIB, 300 * MIB), (1 << 62, None)])
def test_a_limit_is_told_where_it_is_lower(tmp_path: Path, limit: int, told: int | None) -> None:
    """A limit beyond all memory is none."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  1048576 kB\nMemAvailable:  524288 kB\nHugePages_Total:  3\n")
    found = groups(tmp_path, "0::/\n", memory_DOT_max=f"{limit}\n")
    assert memory(found, meminfo) == Memory(total=1 << 30, available=1 << 29, limit=told)


def test_memory_is_counted_without_proc(tmp_path: Path) -> None:
    """Another system tells at least how much there is."""
    found = memory(groups(tmp_path, ""), tmp_path / "nowhere")
    assert found.total == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found.available is None


def test_processors_are_those_that_may_be_used(tmp_path: Path) -> None:
    """A process that is bound to one processor has one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        found = processors(groups(tmp_path, "0::/\n", cpu_DOT_max="200000 100000\n"))
    finally:
        os.sched_setaffinity(0, before)
    assert (found.present, found.usable, found.quota) == (os.cpu_count(), 1, 2.0)


def test_a_folder_is_tried_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state folder need not exist, and is not made by looking."""
    secret = tmp_path / "deep" / "state" / "secret"
    monkeypatch.setenv("DLCOURSE_SECRET_FILE", str(secret))
    folder = state_folder()
    assert (folder.path, folder.problem) == (str(secret.parent), None)
    assert folder.free is not None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is the system's own, the remedy a variable."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DLCOURSE_SECRET_FILE", str(tmp_path / "file" / "state" / "secret"))
    assert state_folder().problem == (
        f"`{tmp_path / 'file'}` cannot be written (Not a directory); "
        "set `DLCOURSE_SECRET_FILE` to a file that you can write"
    )


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no state folder can be named, the variable is."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DLCOURSE_SECRET_FILE", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert state_folder().problem == (
        "this user has no home; set `DLCOURSE_SECRET_FILE` to a file that you can write"
    )


def test_a_machine_without_a_temporary_folder_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python finds no folder for temporary files, there is a remedy."""

    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    assert temporary_folder().problem == (
        "there is none; set `TMPDIR` to a folder that you can write"
    )
    assert [folder.purpose for folder in folders()] == ["state", "temporary"]


def put(folder: Path, name: str, script: str) -> str:
    """Write a program and return its path."""
    program = folder / name
    program.write_text(script)
    program.chmod(0o755)
    return str(program)


def test_compilers_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is the first line that holds one; what hangs, fails or is missing says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    said = "echo 'nvcc: Cuda compiler driver'\necho 'Cuda tools, release 13.0, V13.0.88'\n"
    nvcc = put(tmp_path, "nvcc", f"#!/bin/sh\n{said}")
    cc = put(tmp_path, "cc", "#!/bin/sh\nexec /bin/sleep 1000\n")
    gcc = put(tmp_path, "gcc", "#!/bin/sh\nexit 3\n")
    clang = put(tmp_path, "clang", "#!/nowhere/interpreter\n")
    ptxas = put(tmp_path, "ptxas", "#!/bin/sh\necho nothing to say\n")
    assert compilers(2.0) == (
        Compiler(name="cc", path=cc, problem="no answer within 2 s"),
        Compiler(name="gcc", path=gcc, problem="ended with code 3"),
        Compiler(name="g++"),
        Compiler(name="clang", path=clang, problem="does not start: No such file or directory"),
        Compiler(name="nvcc", path=nvcc, version="Cuda tools, release 13.0, V13.0.88"),
        Compiler(name="ptxas", path=ptxas, version="an unknown version"),
    )
    assert len(NAMES) == 6
