"""The wheel and the source archive: built for real, and used where the source is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
COURSE = ("course.toml", "exercises", "graders", "solutions")
# A build of torch for CUDA brings these in versions of its own choice.
_CUDA = ("cuda-", "nvidia-", "triton")

_PEEPING = """
import pathlib

import dlcourse

def ppo_loss(*arguments):
    for tree in ("graders", "solutions"):
        for name in ("test_ppo_loss.py", "ppo_loss.py", "ppo_loss.mistakes.toml"):
            file = pathlib.Path(dlcourse.__file__).parent / "_course" / tree / "day24_reinforcement"
            try:
                print("READ", name, len((file / name).read_text()))
            except OSError as error:
                print("REFUSED", type(error).__name__)
    print("CONTROL", len(pathlib.Path(dlcourse.__file__).read_text()))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds a fresh wheel and a fresh source archive."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `dlcourse` command of an environment that holds the wheel, and never saw the source.

    What the wheel depends on is lent by this environment, whose own links to the source are not
    followed from there.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (libraries,) = folder.glob("lib/python*/site-packages")
    (libraries / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "dlcourse"


def _run(command: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept.pop("DLCOURSE_COURSE", None)
    return subprocess.run(
        [command, *words], cwd=cwd, env=kept, capture_output=True, text=True, check=False
    )


def _files_of(*trees: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *trees],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git repository")
    return {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}


def test_the_wheel_holds_the_program_and_the_course(built: Path) -> None:
    """The wheel holds every file of the program and of the course, and nothing else."""
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    program = {name.removeprefix("src/") for name in _files_of("src")}
    course = {f"dlcourse/_course/{name}" for name in _files_of(*COURSE)}
    assert {name for name in names if ".dist-info/" not in name} == program | course


def test_the_source_archive_can_build_the_wheel(built: Path) -> None:
    """The source archive holds the program, the course and what builds them, and no test."""
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    needed = {"pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md"}
    assert needed | _files_of("src", *COURSE) <= names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "benchmarks/"))]


def test_the_installed_course_is_found_anywhere(installed: Path, tmp_path: Path) -> None:
    """In a folder that is no course, the built-in one is listed, and where its stubs are."""
    ended = _run(installed, "list", "--json", cwd=tmp_path)
    stubs = [
        Path(exercise["stub"])
        for day in json.loads(ended.stdout)["days"]
        for exercise in day["exercises"]
    ]
    assert stubs
    assert all(stub.is_file() and stub.is_relative_to(installed.parents[1]) for stub in stubs)


def test_a_newcomer_is_told_how_to_begin(installed: Path, tmp_path: Path) -> None:
    """In an empty folder, the message holds a command that makes the next check work."""
    ended = _run(installed, "check", "ppo_loss", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(
        "Error: `ppo_loss` is not begun: there is no `day24_reinforcement/ppo_loss.py` in "
    )
    advice = re.search(r"copy its stub with `(.*?)`", ended.stderr)
    assert advice is not None
    subprocess.run(["sh", "-c", advice[1]], cwd=tmp_path, check=True)
    report = _report(_run(installed, "check", "ppo_loss", "--json", cwd=tmp_path))
    assert {test["raised"]["type"] for test in _tests(report)} == {"NotImplementedError"}


def test_graded_code_cannot_read_the_installed_suites(installed: Path, tmp_path: Path) -> None:
    """Beside the suites in the same environment, graded code still reads none of them."""
    folder = tmp_path / "day24_reinforcement"
    folder.mkdir()
    (folder / "ppo_loss.py").write_text(_PEEPING)
    report = _report(_run(installed, "check", "ppo_loss", "--json", cwd=tmp_path))
    if report["confinement"]["tier"] == "none":
        pytest.skip("this machine cannot confine graded code")
    printed = "".join(test["output"] for test in _tests(report))
    assert "REFUSED" in printed
    assert "READ" not in printed
    assert "CONTROL" in printed


def test_what_is_tested_is_pinned() -> None:
    """constraints.txt names the version of everything that is installed for a test run."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    needed = {name for name in _needed() if not name.startswith(_CUDA)}
    assert needed <= pinned.keys()
    assert not [pin for pin in pinned.values() if "+" in pin]


def _needed() -> set[str]:
    """Return the distributions that `pip install -e .[dev]` installs, without this one."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    found: set[str] = set()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found:
            found.add(name)
            waiting += metadata.requires(name) or []
    return found


def _report(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert (ended.returncode, ended.stderr) == (1, "")
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def _tests(report: dict[str, Any]) -> list[dict[str, Any]]:
    (exercise,) = report["exercises"]
    tests: list[dict[str, Any]] = exercise["tests"]
    return tests
