"""Where jobs are graded: one pytest session, one fork for each job.

The process runs no test itself, so pytest's start-up and the suites' collection are paid once,
and nothing of one student can be seen in another's report.
"""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Final, NoReturn

import torch

from dlcourse.errors import DlcourseError, UsageError
from dlcourse.grading.grade import grade_job
from dlcourse.grading.job import GraderSettings, Job
from dlcourse.grading.suites import SuiteShelf, host_session
from dlcourse.sandbox import warmup
from dlcourse.sandbox.server import ForkServer

_JOB_SECONDS: Final = 900.0  # no suite comes near; beyond it the grader itself hangs

Message = dict[str, Any]


class Bench:
    """Takes jobs one at a time and relays what their forks tell."""

    def __init__(
        self, settings: GraderSettings, server: ForkServer, connection: Connection
    ) -> None:
        self._settings = settings
        self._server = server
        self._connection = connection

    def open(self) -> None:
        """Grade until the other end of the connection closes."""
        torch.set_num_threads(1)
        warmup.use_deterministic_algorithms()
        warmup.warm_autograd()
        hidden = [Path(path) for path in self._settings.hidden]
        self._server.configure(hidden=hidden, warm=self._settings.warm)
        host_session(self._serve)

    def _serve(self, shelf: SuiteShelf) -> None:
        while True:
            try:
                job = Job.from_json(json.loads(self._connection.recv_bytes()))
            except EOFError:
                return
            try:
                self._prepare(shelf, job)
            except DlcourseError as error:
                self._send(_broken(str(error)))
                continue
            self._grade(shelf, job)

    def _prepare(self, shelf: SuiteShelf, job: Job) -> None:
        """Collect the job's suite on first use; its memory is then shared by every fork.

        The first time, the fork server finishes loading meanwhile.
        """
        if not shelf.holds(job.suite, job.solution):
            shelf.get(job.suite, job.solution)
            if self._settings.warm:
                gc.collect()
            gc.freeze()
            gc.enable()
            self._server.await_ready()

    def _grade(self, shelf: SuiteShelf, job: Job) -> None:
        ours, theirs = Pipe(duplex=False)
        pid = os.fork()
        if not pid:
            ours.close()
            _work(lambda send: _run(shelf, job, self._settings, self._server, send), theirs)
        theirs.close()
        self._relay(pid, ours)

    def _relay(self, pid: int, fork: Connection) -> None:
        """Pass the fork's messages on; a fork that ends without its last one was broken."""
        finished = False
        try:
            while not finished and fork.poll(_JOB_SECONDS):
                message: Message = json.loads(fork.recv_bytes())
                finished = message["event"] in ("finished", "broken", "usage")
                self._send(message)
        except EOFError:
            pass
        fork.close()
        if not finished:
            os.kill(pid, signal.SIGKILL)
            self._send(_broken("the grader's fork ended early: run the same command again"))
        os.waitpid(pid, 0)

    def _send(self, message: Message) -> None:
        self._connection.send_bytes(json.dumps(message).encode())


def _run(
    shelf: SuiteShelf,
    job: Job,
    settings: GraderSettings,
    server: ForkServer,
    send: Callable[[Message], None],
) -> None:
    for message in grade_job(shelf, job, settings, server):
        send(message)


def _work(run: Callable[[Callable[[Message], None]], None], connection: Connection) -> NoReturn:
    """Be the fork: run, tell, and end this process whatever happens."""

    def send(message: Message) -> None:
        connection.send_bytes(json.dumps(message).encode())

    try:
        run(send)
    except UsageError as error:
        send({"event": "usage", "message": str(error)})
    except Exception as error:  # noqa: BLE001 - the fork's last word, whatever went wrong
        send(_broken(f"grading stopped: {type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def _broken(message: str) -> Message:
    return {"event": "broken", "message": message}
