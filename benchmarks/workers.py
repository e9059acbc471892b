"""What confinement costs: workers of servers that differ in it, and in nothing else.

The program has no switch that turns confinement off. Here the server's own text is changed before
it starts.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from benchmarks.pairs import Pair, measure
from dlcourse.sandbox import server as server_module
from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.process import Budget, WorkerProcess
from dlcourse.sandbox.remote import RemoteSubmission, Sources
from dlcourse.sandbox.server import ForkServer

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUNDS = 200
_SOURCE = "def double(x):\n    return 2 * x\n"
_MAIN = "from dlcourse.sandbox.forkserver import main\n"
# A worker that puts nothing on.
_UNCONFINED = """
from dlcourse.sandbox import forkserver
from dlcourse.sandbox.confinement import Confinement
from dlcourse.sandbox.confinement.namespaces import Namespaces
forkserver.enter_namespaces = lambda: Namespaces.none("left out")
Confinement.confine = lambda self, limits: ()
"""
# A child that ends at once, where a limit of no threads asks for it.
_BARE = """
import os
from dlcourse.sandbox import forkserver
become = forkserver._become_worker
def become_or_exit(confinement, request, server, lines):
    if request["limits"]["threads"] == 0:
        os._exit(0)
    become(confinement, request, server, lines)
forkserver._become_worker = become_or_exit
"""


def confined_and_not() -> Pair:
    """A worker that is started, loads a file, answers once and is ended: unconfined, confined."""
    with _server("") as confined, _server(_UNCONFINED) as free:
        return measure(lambda: _first_answer(free), lambda: _first_answer(confined), _ROUNDS)


def worker_and_bare_fork() -> Pair:
    """A fork of the warmed server that ends at once; a worker that is confined, greets and ends."""
    with _server(_BARE) as server:
        return measure(lambda: _bare_fork(server), lambda: _greeted(server), _ROUNDS)


@contextlib.contextmanager
def _server(change: str) -> Iterator[ForkServer]:
    text = server_module._BOOT  # noqa: SLF001 - see above
    assert _MAIN in text
    server_module._BOOT = text.replace(_MAIN, change + _MAIN)  # type: ignore[misc] # noqa: SLF001 - see above
    try:
        server = ForkServer()
    finally:
        server_module._BOOT = text  # type: ignore[misc] # noqa: SLF001 - see above
    with server:
        server.configure(hidden=[], warm=True)
        server.await_ready()
        yield server


def _first_answer(server: ForkServer) -> None:
    submission = RemoteSubmission.start(server, Limits())
    submission.load(Sources("bench", {"bench": _SOURCE}), Budget(10.0), seed=1)
    assert submission.call("double", (21,), {}) == 42
    submission.process.close()


def _greeted(server: ForkServer) -> None:
    RemoteSubmission.start(server, Limits()).process.close()


def _bare_fork(server: ForkServer) -> None:
    WorkerProcess(server.spawn(Limits(threads=0))).close()
