"""Make attempts in a process of their own, confined or not, and say how each one ended.

As a program, it reads one JSON request and writes one JSON reply; the attempts run in a fork of it,
as graded code runs in a fork of the fork server. As a module, it holds the caller's side.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcourse.sandbox.confinement import (
    Confinement,
    Limits,
    close_descriptors,
    enter_namespaces,
    linux,
)
from dlcourse.sandbox.confinement.namespaces import Namespaces

_PR_SET_PDEATHSIG = 1
_TIMEOUT = 120.0  # seconds; far more than any probe takes


@dataclass(frozen=True)
class Attempt:
    """A function of a module of attempts, by name, and its arguments."""

    function: str
    arguments: tuple[Any, ...] = ()
    module: str = "confinement_attempts"


@dataclass(frozen=True)
class Outcome:
    """What an attempt returned, or the name of the error's type and its text."""

    value: Any = None
    error: str = ""
    text: str = ""


@dataclass(frozen=True)
class Reply:
    """How the attempts ended, up to the process's own end, and what confined them."""

    layers: dict[str, dict[str, Any]]
    outcomes: list[Outcome]
    status: int  # as `os.waitpid` gives it
    observed: list[Outcome]  # what the parent saw of the worker meanwhile


@dataclass(frozen=True)
class Prober:
    """Runs probes with one interpreter, as one user."""

    interpreter: str
    libraries: tuple[Path, ...]
    user: int | None = None
    hidden: tuple[Path, ...] = ()
    imports: tuple[str, ...] = ()
    limits: dict[str, int] = field(default_factory=dict)
    namespaces: bool = False

    def probe(self, *attempts: Attempt, confined: bool = True, observe: bool = False) -> Reply:
        """Make the attempts in order, in one process."""
        request = {
            "attempts": [(a.module, a.function, a.arguments) for a in attempts],
            "confined": confined,
            "observe": observe,
            "hidden": [str(path) for path in self.hidden],
            "imports": self.imports,
            "limits": self.limits,
            "namespaces": self.namespaces,
        }
        path = os.pathsep.join(map(str, self.libraries))
        done = subprocess.run(
            [self.interpreter, "-B", "-P", str(self.libraries[0] / Path(__file__).name)],
            input=json.dumps(request),
            env={
                "PYTHONPATH": path,
                "OMP_NUM_THREADS": "1",
                "USER": "probe",
                "TORCHINDUCTOR_CACHE_DIR": str(self.libraries[0] / "cache"),
            },
            cwd="/",
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            start_new_session=True,  # so that a signal to the group stays among the probe's own
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        reply = json.loads(done.stdout)
        return Reply(
            {layer["name"]: layer for layer in reply["layers"]},
            [Outcome(**outcome) for outcome in reply["outcomes"]],
            reply["status"],
            [Outcome(**outcome) for outcome in reply["observed"]],
        )


def _main() -> None:
    request = json.load(sys.stdin)
    namespaces = enter_namespaces() if request["namespaces"] else Namespaces.none("not asked for")
    for name in request["imports"]:
        importlib.import_module(name)
    hidden = [Path(path) for path in request["hidden"]]
    confinement = Confinement.prepare(hidden=hidden, namespaces=namespaces)
    reading, writing = os.pipe()
    waiting, releasing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work(request, confinement, writing, waiting)
    os.close(writing)
    with os.fdopen(reading) as lines:
        layers = json.loads(lines.readline())
        observed = _observe(pid) if request["observe"] else []
        os.write(releasing, b"x")
        outcomes = [json.loads(line) for line in lines]
    status = os.waitpid(pid, 0)[1]
    reply = {"layers": layers, "outcomes": outcomes, "status": status, "observed": observed}
    json.dump(reply, sys.stdout)


def _work(request: dict[str, Any], confinement: Confinement, writing: int, waiting: int) -> None:
    """Make the attempts; one line of JSON each, so that a sudden end loses no other."""
    layers: list[dict[str, Any]] = []
    try:
        if request["confined"]:
            linux.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            close_descriptors({0, 1, 2, writing, waiting, *confinement.keep_fds})
            layers = [vars(layer) for layer in confinement.confine(Limits(**request["limits"]))]
        os.write(writing, json.dumps(layers).encode() + b"\n")
        os.read(waiting, 1)
        for module, function, arguments in request["attempts"]:
            outcome = _make(module, function, arguments)
            os.write(writing, json.dumps(outcome).encode() + b"\n")
    finally:
        os._exit(0)


def _observe(pid: int) -> list[dict[str, Any]]:
    """Do to the worker what a grader does: read its state and its processor time."""
    attempts: list[tuple[str, tuple[Any, ...]]] = [
        ("read", (f"/proc/{pid}/stat",)),
        ("list_folder", (f"/proc/{pid}/task",)),
        ("read_clock", (pid,)),
        ("read", (f"/proc/{pid}/environ",)),
    ]
    return [_make("confinement_attempts", name, arguments) for name, arguments in attempts]


def _make(module: str, function: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    try:
        return {"value": getattr(importlib.import_module(module), function)(*arguments)}
    except Exception as error:  # noqa: BLE001 - whatever happens is the answer
        return {"error": type(error).__name__, "text": str(error)}


if __name__ == "__main__":
    _main()
