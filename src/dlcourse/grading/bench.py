"""Where jobs are graded: one pytest session, one fork for each job.

The process runs no test itself, so pytest's start-up and the suites' collection are paid once,
and nothing of one student can be seen in another's report.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from dataclasses import asdict
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import torch

from dlcourse.errors import DlcourseError, UnavailableError
from dlcourse.grading.grade import Message, Tools, grade_job, probe_layers
from dlcourse.grading.job import GraderSettings, Job
from dlcourse.grading.suites import Suite, SuiteShelf, host_session
from dlcourse.sandbox import warmup
from dlcourse.sandbox.confinement import linux
from dlcourse.testing.plugin import name_of

if TYPE_CHECKING:
    from dlcourse.sandbox.server import ForkServer

_LAST: Final = frozenset({"finished", "broken", "unavailable"})
_PR_SET_PDEATHSIG: Final = 1


class Bench:
    """Takes requests one at a time and relays what their forks tell."""

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
        if self._settings.warm:
            warmup.warm_training()
        hidden = [Path(path) for path in self._settings.hidden]
        self._server.configure(
            hidden=hidden, warm=self._settings.warm, required=self._settings.required
        )
        host_session(self._serve, self._settings.patience)

    def _serve(self, shelf: SuiteShelf) -> None:
        try:
            while True:
                request = json.loads(self._connection.recv_bytes())
                if request["kind"] == "layers":
                    self._tell_layers()
                else:
                    self._answer(shelf, request["kind"], Job.from_json(request["job"]))
        except (EOFError, OSError):  # nobody listens any more
            return

    def _tell_layers(self) -> None:
        try:
            self._server.await_ready()
            layers = probe_layers(self._server)
        except DlcourseError as error:
            self._send(_given_up(error))
        else:
            self._send({"event": "finished", "layers": [asdict(layer) for layer in layers]})

    def _answer(self, shelf: SuiteShelf, kind: str, job: Job) -> None:
        try:
            suite = self._suite(shelf, job)
            # The server has loaded while the suite was collected.
            self._server.await_ready()
        except DlcourseError as error:
            self._send(_given_up(error))
            return
        if kind == "tests":
            self._send({"event": "finished", "tests": [name_of(item) for item in suite.items]})
        else:
            self._grade(Tools(shelf.plugin, self._settings, self._server), suite, job)

    def _suite(self, shelf: SuiteShelf, job: Job) -> Suite:
        """Collect the job's suite on first use; its memory is then shared by every fork."""
        if not shelf.holds(job.suite, job.solution):
            shelf.get(job.suite, job.solution)
            if self._settings.warm:
                gc.collect()
            gc.freeze()
            gc.enable()
        return shelf.get(job.suite, job.solution)

    def _grade(self, tools: Tools, suite: Suite, job: Job) -> None:
        ours, theirs = Pipe(duplex=False)
        parent, pid = os.getpid(), os.fork()
        if not pid:
            _die_with(parent)
            # Whoever waits for this process must see its end, and not wait for its forks.
            self._connection.close()
            ours.close()
            _work(tools, suite, job, theirs)
        theirs.close()
        try:
            self._relay(ours, job.exercise)
        finally:
            ours.close()
            # Its last word was relayed, or nobody wants it: there is nothing left to wait for.
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _relay(self, fork: Connection, exercise: str) -> None:
        """Pass the fork's messages on; one that ends or hangs without its last one was broken."""
        try:
            while True:
                ready = wait([fork, self._connection], self._settings.patience)
                if self._connection in ready:
                    return  # the other end hung up, or asks for something else
                if not ready:
                    self._send(_broken(_hung(exercise, self._settings.patience)))
                    return
                message: Message = json.loads(fork.recv_bytes())
                self._send(message)
                if message["event"] in _LAST:
                    return
        except EOFError:
            self._send(_broken(_ended(exercise)))

    def _send(self, message: Message) -> None:
        self._connection.send_bytes(json.dumps(message).encode())


def _work(tools: Tools, suite: Suite, job: Job, connection: Connection) -> NoReturn:
    """Be the fork: grade, tell, and end this process whatever happens."""

    def send(message: Message) -> None:
        connection.send_bytes(json.dumps(message).encode())

    try:
        for message in grade_job(tools, suite, job):
            send(message)
    except DlcourseError as error:
        send(_given_up(error))
    except Exception as error:  # noqa: BLE001 - the fork's last word, whatever went wrong
        # The text may hold what learners must not see; who runs the program sees it.
        traceback.print_exc()
        send(_broken(_stumbled(type(error).__name__)))
    finally:
        sys.stderr.flush()
        os._exit(0)


def _die_with(parent: int) -> None:
    """Have the kernel end this fork when the process that forked it ends."""
    linux.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _given_up(error: DlcourseError) -> Message:
    """A last word that keeps apart what this machine lacks and what is broken."""
    if isinstance(error, UnavailableError):
        return {"event": "unavailable", "message": str(error)}
    return _broken(str(error))


def _broken(message: str) -> Message:
    return {"event": "broken", "message": message}


def _hung(exercise: str, seconds: float) -> str:
    return (
        f"the suite of `{exercise}` said nothing for {seconds:g} s: run `dlcourse check {exercise} "
        "--workdir solutions` to see which of its tests hangs"
    )


def _ended(exercise: str) -> str:
    return (
        f"the process that graded `{exercise}` ended early, as a suite makes it that exits or "
        "fills the memory: run the same command again, and tell the author of the course if this "
        "repeats"
    )


def _stumbled(error: str) -> str:
    return (
        f"the grader itself raised {error}, which is a mistake of `dlcourse`: run the same command "
        "again, and report what it printed if this repeats"
    )
