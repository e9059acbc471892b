"""Starts `run_attacks.py` as a user on a machine of a tier, and keeps what it found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attack_canaries import draw_canaries
from attack_cases import HERE
from run_attacks import MACHINE, RESULTS, Machine, Result

from dlcourse.sandbox.server import import_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dlcourse.sandbox.tier import Tier

NOBODY: Final = 65534
_PATIENCE: Final = 900.0  # seconds for one run; one that takes longer hangs
_AT_ONCE: Final = 2


@dataclass(frozen=True)
class Setting:
    """Who runs the grader, and on what kind of machine."""

    user: str
    tier: Tier

    def __str__(self) -> str:
        return f"{self.user}-{self.tier}"

    @property
    def uid(self) -> int | None:
        """The user to become; None for the one who runs the tests."""
        return NOBODY if self.user == "user" and os.geteuid() == 0 else None

    @property
    def obstacle(self) -> str | None:
        """Why this machine cannot show it, if so."""
        if self.user == "root" and os.geteuid() != 0:
            return "only root can run the grader as root"
        asked = _entered(self, [])
        assert asked.returncode == 0, asked.stderr
        found = asked.stdout.strip()
        return None if found == self.tier else f"this machine gives this user {found}"


CONTROL: Final = Setting("user", "none")
SETTINGS: Final = (
    Setting("root", "sandboxed"),
    Setting("user", "sandboxed"),
    Setting("root", "confined"),
    Setting("user", "confined"),
)


@dataclass(frozen=True)
class Run:
    """What one runner found: the machine, a result for each attack, what it said on its way."""

    machine: Machine
    results: dict[str, Result]
    seconds: float
    errors: str

    def result(self, name: str) -> Result:
        """The result of one attack; a runner that broke down over it says so."""
        assert name in self.results, f"`{name}` has no result.\n{self.errors}"
        return self.results[name]


class Runs:
    """The runs of this session, two at a time, each over the attacks that tests ask about."""

    def __init__(self, wanted: dict[Setting, set[str]]) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._obstacles = {setting: setting.obstacle for setting in wanted}
        self._runs: dict[Setting, Future[Run]] = {
            setting: self._pool.submit(run, setting, sorted(names))
            for setting, names in wanted.items()
            if not self._obstacles[setting]
        }

    def obstacle(self, setting: Setting) -> str | None:
        """Why there is no run of a setting, if so."""
        return self._obstacles[setting]

    def run(self, setting: Setting) -> Run:
        """The run of a setting, once it is over."""
        return self._runs[setting].result()

    def finished(self) -> dict[Setting, Run]:
        """Every run that came to an end."""
        return {
            setting: future.result()
            for setting, future in self._runs.items()
            if future.done() and not future.cancelled() and not future.exception()
        }

    def close(self) -> None:
        """Wait for what has been started."""
        self._pool.shutdown(cancel_futures=True)


def run(setting: Setting, attacks: Iterable[str]) -> Run:
    """Grade the attacks in a setting."""
    root = Path(tempfile.mkdtemp(prefix="attacks-"))
    if setting.uid is not None:
        os.chown(root, setting.uid, setting.uid)
    canaries = draw_canaries()
    request = {
        "root": str(root),
        "tier": setting.tier,
        "attacks": list(attacks),
        "canaries": canaries,
    }
    start = time.monotonic()
    program = [_interpreter(), "-B", "-P", str(HERE.resolve() / "run_attacks.py")]
    token = {"ACCESS_TOKEN": canaries["environment"]}
    try:
        done = _entered(setting, program, json.dumps(request), token)
        return _collect(root / RESULTS, time.monotonic() - start, done.stderr)
    finally:
        shutil.rmtree(root)


def _collect(folder: Path, seconds: float, errors: str) -> Run:
    files = {file.stem: file for file in folder.glob("*.json")}
    assert MACHINE in files, errors
    machine = Machine(**json.loads(files.pop(MACHINE).read_text(encoding="utf-8")))
    results = {name: Result.read(file) for name, file in files.items()}
    return Run(machine, results, seconds, errors)


def _entered(
    setting: Setting, program: list[str], text: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a setting, or ask for the tier that can be had there."""
    entry = {
        "user": setting.uid,
        "tier": setting.tier,
        "readable": [str(path) for path in _needed()],
        "program": program,
    }
    return subprocess.run(
        [sys.executable, "-B", "-P", str(HERE / "attack_entry.py"), json.dumps(entry)],
        input=text,
        env=_environment() | (environment or {}),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def _environment() -> dict[str, str]:
    """What a grader needs and no more."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(_libraries()),
        "HOME": "/nonexistent",
        "USER": "grader",
        "LANG": "C.UTF-8",
    }


def _interpreter() -> str:
    """This interpreter by a path whose folders are no links, as they are revealed to the user."""
    program = Path(sys.executable)
    return str(program.parent.resolve() / program.name)


def _libraries() -> list[str]:
    """The folders to import from: those of this program, of the tests this one alone."""
    paths = [Path(entry).resolve() for entry in (str(HERE), *import_path())]
    tests = HERE.resolve().parent
    return [str(path) for path in paths if path == paths[0] or not path.is_relative_to(tests)]


def _needed() -> Collection[Path]:
    """The folders that the runner reads: the interpreter, its packages, this repository."""
    return {Path(entry).resolve() for entry in (sys.base_prefix, sys.prefix, *_libraries())}
