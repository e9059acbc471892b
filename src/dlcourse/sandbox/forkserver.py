"""The clean process that every worker is forked from.

It is exec'd with an environment of its own, imports torch and this package's worker side, and
never sees a suite, a solution, a seed or a submission. Requests come over one socket; everything
about one worker goes over that worker's own `status` socket, so that nothing is shared between
workers and nothing of an earlier one can be left unread.
"""

from __future__ import annotations

import dataclasses
import gc
import io
import json
import os
import select
import signal
import socket
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from dlcourse.sandbox.confinement import (
    Confinement,
    Limits,
    close_descriptors,
    enter_namespaces,
    linux,
)
from dlcourse.sandbox.exits import OWN_FAILURE

_DESCRIPTORS: Final = 4  # handed over with each request: socket, output, trace, status
_SOCKET_FD, _TRACE_FD = 3, 4
_PR_SET_PDEATHSIG: Final = 1
_SETTINGS_BYTES: Final = 1 << 20
_REQUEST_BYTES: Final = 1 << 16


def main(boot: dict[str, Any]) -> None:
    """Warm up, then serve until the control socket, `boot["control"]`, closes.

    The first message there holds `hidden` (paths that no worker may read) and `warm` (whether
    optimizers and the like are imported before the first fork).
    """
    # Imports make objects that stay: looking for garbage among them costs a sixth of the start.
    gc.disable()
    _reserve_low_descriptors()
    namespaces = enter_namespaces()
    # No folder is writable, so probing for a temporary one, as some imports do, would fail.
    tempfile.tempdir = "/tmp"  # noqa: S108 - named, never written
    _warm_up()
    control = socket.socket(fileno=boot["control"])
    settings = json.loads(control.recv(_SETTINGS_BYTES) or "null")
    if settings is None:
        return
    if settings["warm"]:
        _warm_up_for_many()
    hidden = [Path(path) for path in settings["hidden"]]
    confinement = Confinement.prepare(hidden=hidden, namespaces=namespaces)
    if settings["warm"]:
        gc.collect()
    gc.freeze()
    gc.enable()
    control.send(b"ready")
    _Server(control, confinement).run()


def _reserve_low_descriptors() -> None:
    """Occupy the numbers that a worker's own lines get, so that nothing else lands there."""
    while os.open(os.devnull, os.O_RDONLY) < _TRACE_FD:
        pass


def _warm_up() -> None:
    """Import torch and everything that first calls would import, once for all workers."""
    import torch  # noqa: PLC0415 - the fork server decides when torch is loaded

    torch.set_num_threads(1)
    from dlcourse.sandbox import (  # noqa: PLC0415 - they import torch
        warmup,
        worker,  # noqa: F401 - every worker needs it
    )

    warmup.use_deterministic_algorithms()
    warmup.warm_autograd()
    warmup.warm_watch()


def _warm_up_for_many() -> None:
    from dlcourse.sandbox.warmup import warm_training  # noqa: PLC0415 - it imports torch

    warm_training()


class _Child:
    """A worker as its fork server knows it."""

    def __init__(self, pid: int, status: socket.socket) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.status = status

    def hand_over(self) -> None:
        """Give its grader a handle to it; a grader that is gone has no use for the worker."""
        try:
            socket.send_fds(self.status, [b"{}"], [self.pidfd])
        except OSError:
            self.kill()

    def kill(self) -> None:
        """End it; it may be gone already."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> None:
        """Collect its exit and tell its grader, who may be gone."""
        _, status, usage = os.wait4(self.pid, 0)
        message = {"status": status, "cpu": usage.ru_utime + usage.ru_stime}
        with suppress(OSError):
            self.status.send(json.dumps(message).encode())
        self.status.close()
        os.close(self.pidfd)


class _Server:
    """The loop: fork on request, reap on exit, kill what its grader abandoned."""

    def __init__(self, control: socket.socket, confinement: Confinement) -> None:
        self._control = control
        self._confinement = confinement
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._by_pidfd: dict[int, _Child] = {}
        self._by_status: dict[int, _Child] = {}

    def run(self) -> None:
        """Serve until every grader is gone."""
        while True:
            for fd, _ in self._poll.poll():
                if fd == self._control.fileno():
                    if not self._accept():
                        return
                elif fd in self._by_pidfd:
                    self._forget(self._by_pidfd[fd])
                elif fd in self._by_status:
                    self._abandon(self._by_status[fd])

    def _accept(self) -> bool:
        """Take one request; whether there is anyone left to make another."""
        try:
            request, descriptors, _, _ = socket.recv_fds(
                self._control, _REQUEST_BYTES, _DESCRIPTORS
            )
        except ConnectionResetError:
            return False
        # Fewer arrive where this process may open no more; the grader sees its lines closed.
        if len(descriptors) == _DESCRIPTORS:
            with suppress(OSError):
                self._fork(json.loads(request), descriptors)
        for fd in descriptors:
            os.close(fd)
        return bool(request)

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> None:
        """Fork one worker; raises OSError where the machine has no room for it."""
        sock, output, trace, status = descriptors
        server = os.getpid()
        pid = os.fork()
        if not pid:
            _become_worker(self._confinement, request, server, (sock, output, trace))
        child = _Child(pid, socket.socket(fileno=os.dup(status)))
        child.hand_over()
        for by, fd in ((self._by_pidfd, child.pidfd), (self._by_status, child.status.fileno())):
            by[fd] = child
            self._poll.register(fd, select.POLLIN)

    def _forget(self, child: _Child) -> None:
        self._poll.unregister(child.pidfd)
        del self._by_pidfd[child.pidfd]
        if self._by_status.pop(child.status.fileno(), None):
            self._poll.unregister(child.status)
        child.reap()

    def _abandon(self, child: _Child) -> None:
        """The grader closed its end: nobody waits for this worker any more."""
        self._poll.unregister(child.status)
        del self._by_status[child.status.fileno()]
        child.kill()


def _become_worker(
    confinement: Confinement, request: dict[str, Any], server: int, lines: tuple[int, int, int]
) -> NoReturn:
    """Turn the forked child into a confined worker."""
    try:
        _die_with(server)
        _arrange_descriptors(*lines, confinement)
        import torch  # noqa: PLC0415 - loaded before the fork

        # Without this in the main thread, the first operations of several threads at once fail.
        torch.set_num_threads(1)
        layers = confinement.confine(Limits(**request["limits"]))
        from dlcourse.sandbox.worker import serve  # noqa: PLC0415 - loaded before the fork

        serve(
            socket.socket(fileno=_SOCKET_FD),
            _TRACE_FD,
            [dataclasses.asdict(layer) for layer in layers],
        )
    except BaseException:  # noqa: BLE001 - shown to the grader, through the output pipe
        traceback.print_exc()
    finally:
        os._exit(OWN_FAILURE)


def _die_with(server: int) -> None:
    """Have the kernel end this worker when the fork server ends, which may just have happened."""
    linux.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(OWN_FAILURE)


def _arrange_descriptors(sock: int, output: int, trace: int, confinement: Confinement) -> None:
    """Keep what the worker needs, at numbers of its own, and close all else."""
    high = [os.dup(fd) for fd in (sock, output, trace)]
    null = os.open(os.devnull, os.O_RDONLY)
    for fd, target in (
        (null, 0),
        (high[1], 1),
        (high[1], 2),
        (high[0], _SOCKET_FD),
        (high[2], _TRACE_FD),
    ):
        os.dup2(fd, target, inheritable=False)
    close_descriptors({0, 1, 2, _SOCKET_FD, _TRACE_FD, *confinement.keep_fds})
    # Unbuffered, so that a crash loses nothing; any text prints in any locale.
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(
            io.FileIO(1, "w", closefd=False),  # as `python -u` does
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
