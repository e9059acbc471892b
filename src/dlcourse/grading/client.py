"""A grader process as the command line holds it: jobs in, events out.

This module loads neither torch nor pytest; the process that it starts does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from multiprocessing.connection import Pipe
from typing import TYPE_CHECKING, Any, Final, Self

from dlcourse.errors import CourseError, UnavailableError
from dlcourse.sandbox.server import import_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.grading.job import GraderSettings, Job
    from dlcourse.sandbox.tier import Tier

_BOOT: Final = """
import json, sys
boot = json.loads(sys.argv[1])
sys.path[:] = boot.pop("path")
from dlcourse.grading.grader import main
main(boot)
"""

# One thread, as in the workers: another count gives other roundings, and optimizers amplify them.
_ONE_THREAD: Final = {
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}

_ERRORS: Final = {"broken": CourseError, "unavailable": UnavailableError}

_START_SECONDS: Final = 120.0
_END_SECONDS: Final = 10.0


class GraderProcess:
    """A running grader; it begins to load at once, and takes jobs once it is configured.

    One that ended, or that has more to say about a job than anybody waited for, is replaced
    before the next job.
    """

    def __init__(self) -> None:
        self._settings: GraderSettings | None = None
        self._start()

    def _start(self) -> None:
        self._busy = False
        self._connection, theirs = Pipe()
        boot = {"path": import_path(), "connection": theirs.fileno()}
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own text
            [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(boot)],
            env={**os.environ, **_ONE_THREAD},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # An interrupt at the keyboard is for the command line, which then ends this group.
            start_new_session=True,
        )
        theirs.close()

    @property
    def pid(self) -> int:
        """The number of the process, which is also that of its group."""
        return self._process.pid

    def configure(self, settings: GraderSettings) -> None:
        """Send the settings; they hold the secret, and every process can read an argument."""
        self._settings = settings
        with contextlib.suppress(OSError):  # a process that is gone is noticed with the first job
            self._connection.send_bytes(json.dumps(asdict(settings)).encode())

    @property
    def required(self) -> Tier:
        """The tier of confinement that graded code must have here."""
        return "none" if self._settings is None else self._settings.required

    def layers(self) -> list[dict[str, Any]]:
        """Return what confines a worker here, as one that loads nothing obtains it.

        Raises:
            UnavailableError: it is less than the settings require.
            CourseError: no worker starts.
        """
        (event,) = self._ask({"kind": "layers"}, "started a worker")
        layers: list[dict[str, Any]] = event["layers"]
        return layers

    def tests(self, job: Job) -> list[str]:
        """Return the names of all tests of a job's suite; raises CourseError."""
        (event,) = self._ask_of("tests", job)
        names: list[str] = event["tests"]
        return names

    def grade(self, job: Job) -> Iterator[dict[str, Any]]:
        """Yield an event for each test, the last one for the exercise.

        Raises:
            UnavailableError: a worker is confined less than the settings require.
            CourseError: the suite or the grader is broken.
        """
        return self._ask_of("grade", job)

    def _ask_of(self, kind: str, job: Job) -> Iterator[dict[str, Any]]:
        return self._ask({"kind": kind, "job": job.to_json()}, f"graded `{job.exercise}`")

    def _ask(self, request: dict[str, Any], doing: str) -> Iterator[dict[str, Any]]:
        assert self._settings is not None, "a grader is configured before it is given a job"
        if self._busy or self._process.poll() is not None:
            self.kill()
            self._start()
            self.configure(self._settings)
        self._busy = True
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            while self._busy:
                event = self._event(self._settings.patience)
                self._busy = event["event"] not in {"finished", *_ERRORS}
                if event["event"] in _ERRORS:
                    raise _ERRORS[event["event"]](event["message"])
                yield event
        except (EOFError, OSError):
            raise CourseError(
                f"the grader process ended while it {doing}, as a suite makes it "
                "that exits or fills the memory: run the same command again, and tell the author "
                "of the course if this repeats"
            ) from None

    def _event(self, patience: float) -> dict[str, Any]:
        """Receive one event; raises EOFError from a process that is gone or hangs."""
        # The grader itself gives up a suite first: once while it is collected, once in a test.
        if not self._connection.poll(2 * patience + _START_SECONDS):
            self.kill()
            raise EOFError
        event: dict[str, Any] = json.loads(self._connection.recv_bytes())
        return event

    def close(self) -> None:
        """End the process: by itself when idle, once its connection is closed."""
        self._connection.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process and its forks at once; their workers die with them."""
        self._connection.close()
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()
