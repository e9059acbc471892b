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
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing.connection import Pipe
from typing import Any, Final, Self

from dlcourse.errors import CourseError, UsageError
from dlcourse.grading.job import GraderSettings, Job
from dlcourse.sandbox.server import import_path

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


class GraderProcess:
    """A running grader; it begins to load at once, and takes jobs once it is configured."""

    def __init__(self) -> None:
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

    def configure(self, settings: GraderSettings) -> None:
        """Send the settings; they hold the secret, and every process can read an argument."""
        self._connection.send_bytes(json.dumps(asdict(settings)).encode())

    def grade(self, job: Job) -> Iterator[dict[str, Any]]:
        """Yield an event for each test, the last one for the exercise.

        Raises UsageError for a test that the suite does not hold, and CourseError where the suite
        or the grader is broken.
        """
        try:
            self._connection.send_bytes(json.dumps(job.to_json()).encode())
            while True:
                event: dict[str, Any] = json.loads(self._connection.recv_bytes())
                if event["event"] == "broken":
                    raise CourseError(event["message"])
                if event["event"] == "usage":
                    raise UsageError(event["message"])
                yield event
                if event["event"] == "finished":
                    return
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise CourseError(
                "the grader process ended early: run the same command again, and report what it "
                "printed if this repeats"
            ) from None

    def close(self) -> None:
        """End the process: by itself when idle, once its connection is closed."""
        self._connection.close()
        self._process.wait()

    def kill(self) -> None:
        """End the process and its forks at once; their workers die with them."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()
