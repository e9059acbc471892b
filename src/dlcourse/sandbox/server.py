"""Starts the fork server and asks it for workers.

This module imports no torch, so that the fork server can load it at the same time as its caller.
"""

from __future__ import annotations

import dataclasses
import json
import os
import select
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from dlcourse.errors import DlcourseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlcourse.sandbox.confinement import Limits
    from dlcourse.sandbox.tier import Tier

_START_SECONDS: Final = 120.0
_END_SECONDS: Final = 10.0
_BOOT: Final = """
import json, sys
boot = json.loads(sys.argv[1])
sys.path[:] = boot["path"]
from dlcourse.sandbox.forkserver import main
main(boot)
"""
# One thread everywhere: a parallel region before a fork would hang every child's first one.
_ENVIRONMENT: Final = {
    "CUDA_VISIBLE_DEVICES": "",
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/usr/bin:/bin",
    "PYTHONHASHSEED": "0",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    # Importing torch's compiler, as optimizers do, makes this folder; one that exists will do.
    "TORCHINDUCTOR_CACHE_DIR": "/usr",
    "USER": "student",
}


@dataclass(frozen=True)
class Lines:
    """Our ends of the lines to one worker: its calls, what it prints, where it is, its exit."""

    sock: socket.socket
    output: int
    trace: int
    status: socket.socket
    limits: Limits

    def close(self) -> None:
        """Hang up on a worker that nobody has taken over."""
        self.sock.close()
        os.close(self.output)
        os.close(self.trace)
        self.status.close()


class ForkServer:
    """The clean process that workers are forked from.

    It starts to load at once, and is used once `configure` has told it what to hide. `required` is
    the tier that each of its workers must reach before it is given graded code.
    """

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        boot = {"path": import_path(), "control": theirs.fileno()}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own text
                [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(boot)],
                env=_ENVIRONMENT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd="/",
                # An interrupt typed at the terminal is for the grader, which then hangs up.
                start_new_session=True,
            )
        self._ready = False
        self.required: Tier = "none"

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def configure(
        self, *, hidden: Sequence[Path], warm: bool = False, required: Tier = "none"
    ) -> None:
        """Tell the server what no worker may read; it takes orders from then on.

        `warm` also imports optimizers and data loaders, which pays off from a few dozen
        submissions on.
        """
        self.required = required
        settings = {"hidden": [str(path.resolve()) for path in hidden], "warm": warm}
        # A server that is gone is told of by `await_ready`.
        with suppress(ConnectionError):
            self._control.send(json.dumps(settings).encode())

    def await_ready(self) -> None:
        """Wait until the server has loaded; raises DlcourseError where it does not start."""
        if self._ready:
            return
        with suppress(ConnectionError):
            if _readable(self._control, _START_SECONDS):
                self._ready = self._control.recv(64) == b"ready"
        if not self._ready:
            raise DlcourseError(
                "the worker server did not start: run `python -c 'import torch'` and see "
                "whether torch itself loads"
            )

    def spawn(self, limits: Limits) -> Lines:
        """Have a fresh worker forked, confined, that has loaded nothing yet.

        Raises DlcourseError where the server is gone.
        """
        request = json.dumps({"limits": dataclasses.asdict(limits)}).encode()
        with ExitStack() as theirs:
            sock, their_sock = socket.socketpair()
            theirs.callback(their_sock.close)
            status, their_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            theirs.callback(their_status.close)
            output, their_output = os.pipe()
            theirs.callback(os.close, their_output)
            trace, their_trace = os.pipe()
            theirs.callback(os.close, their_trace)
            lines = Lines(sock, output, trace, status, limits)
            ends = [their_sock.fileno(), their_output, their_trace, their_status.fileno()]
            try:
                socket.send_fds(self._control, [request], ends)
            except ConnectionError:
                lines.close()
                raise DlcourseError(
                    "the worker server has ended: run the same command again"
                ) from None
        return lines

    def close(self) -> None:
        """End the server; every worker dies with it."""
        self._control.close()
        # Not killed at once: in namespaces this process stands for the server, and ends it first.
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _readable(sock: socket.socket, seconds: float) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(1000 * seconds))


def import_path() -> list[str]:
    """The folders that this process imports from, without the current one.

    A program of ours is always started with exactly these, so that neither the environment nor a
    file in the learner's folder decides what is imported.
    """
    here = Path.cwd()
    entries = [Path(entry).absolute() for entry in sys.path if entry]
    return [str(entry) for entry in entries if entry.exists() and entry != here]
