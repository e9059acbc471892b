"""A place that any user can reach, and probes that run there as root and as an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confinement_probe import Prober

import dlcourse.sandbox.confinement as package

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
_NOBODY = 65534
_SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module", params=["root", "user"])
def user(request: pytest.FixtureRequest) -> int:
    """The user who is confined: root, then an ordinary one."""
    me = os.geteuid()
    if request.param == "root" and me != 0:
        pytest.skip("only root can test confinement as root")
    return _NOBODY if request.param == "user" and me == 0 else me


@pytest.fixture(scope="module")
def place(user: int) -> Iterator[Path]:
    """An empty folder of the user's; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="confinement-"))
    os.chown(folder, user, -1)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def libraries(place: Path) -> Path:
    """A folder for `sys.path` with the confinement package and the probe, and nothing else."""
    folder = place / "libraries"
    inner = folder / "dlcourse/sandbox/confinement"
    shutil.copytree(Path(package.__file__).parent, inner, ignore=shutil.ignore_patterns("*.pyc"))
    for init in (folder / "dlcourse/__init__.py", folder / "dlcourse/sandbox/__init__.py"):
        init.touch()
    for module in _HERE.glob("confinement_*.py"):
        shutil.copy(module, folder)
    return folder


@pytest.fixture(scope="module")
def prober(user: int, libraries: Path) -> Prober:
    """Probes as the user, with an interpreter that this user can start."""
    if user == os.geteuid():
        return Prober(sys.executable, (libraries,))
    _require_interpreter(_SYSTEM_PYTHON)
    return Prober(_SYSTEM_PYTHON, (libraries,), user=user)


def _require_interpreter(python: str) -> None:
    """Skip unless an ordinary user can start a Python that is new enough."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        code = subprocess.run([python, "-c", check], user=_NOBODY, check=False).returncode
    except OSError:
        code = 1
    if code:
        pytest.skip(f"`{python}` is no Python 3.11 that an ordinary user can start")
