"""A probe in a process of its own, so that what it touches can neither hang nor end this one.

This module loads neither torch nor pytest; the process that it starts does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from multiprocessing.connection import Pipe
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from dlcourse.sandbox.exits import Exit
from dlcourse.sandbox.server import import_path

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_Found = TypeVar("_Found", bound=BaseModel)

_BOOT: Final = """
import json, sys
boot = json.loads(sys.argv[1])
sys.path[:] = boot["path"]
from dlcourse.grading.machine.probe import main
main(boot)
"""
_MAX_ANSWER: Final = 1 << 20
_END_SECONDS: Final = 10.0


class TrialFailed(Exception):  # noqa: N818 - a finding about the machine, no error of the program
    """A probe gave no answer; the message is why."""


def attempt(probe: str, kind: type[_Found], seconds: float) -> _Found:
    """Run the probe of this name for at most `seconds` and return what it found.

    Raises:
        TrialFailed: it crashed, hung, or answered what is no `kind`.
    """
    ours, theirs = Pipe(duplex=False)
    boot = {"path": import_path(), "connection": theirs.fileno(), "probe": probe}
    process = subprocess.Popen(  # noqa: S603 - this interpreter, our own text
        [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(boot)],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()
    try:
        return kind.model_validate(_answer(ours, process, seconds))
    except ValidationError:
        raise TrialFailed("the answer makes no sense") from None
    finally:
        ours.close()
        _end(process)


def _answer(connection: Connection, process: subprocess.Popen[bytes], seconds: float) -> Any:
    if not connection.poll(seconds):
        raise TrialFailed(f"no answer within {seconds:g} s")
    try:
        return json.loads(connection.recv_bytes(_MAX_ANSWER))
    except (EOFError, OSError, ValueError):
        raise TrialFailed(_end_of(process)) from None


def _end_of(process: subprocess.Popen[bytes]) -> str:
    """How a process ended that hung up without an answer."""
    try:
        code = process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        return "the process hung up without an answer"
    return Exit(-code if code < 0 else code << 8, cpu=0.0).sentence


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its group at once: a broken driver may hang at the exit as well."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
