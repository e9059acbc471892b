"""A worker and its fork server, both played by the test: it sends whatever it likes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.process import WorkerProcess
from dlcourse.sandbox.remote import RemoteSubmission
from dlcourse.sandbox.server import Lines
from dlcourse.sandbox.values import Encoder
from dlcourse.sandbox.wire import HEAD, MAGIC

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

GREETING: dict[str, Any] = {"id": 0, "status": "answer", "layers": [], "tensors": []}


def frame(
    header: object,
    payload: bytes = b"",
    *,
    magic: bytes = MAGIC,
    header_length: int | None = None,
    payload_length: int | None = None,
) -> bytes:
    """The bytes of a frame, each part of its head as the test wants it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    lengths = (
        len(text) if header_length is None else header_length,
        len(payload) if payload_length is None else payload_length,
    )
    return HEAD.pack(magic, *lengths) + text + payload


def answer(header: Mapping[str, Any], *tensors: torch.Tensor) -> bytes:
    """An honest frame that carries `tensors`; the header may say otherwise of them."""
    encoder = Encoder()
    for tensor in tensors:
        encoder.tensor(tensor)
    described = {"status": "answer", "tensors": encoder.descriptions, **header}
    return frame(described, b"".join(encoder.buffers))


class Peer:
    """The far ends of a worker's lines, and a process that stands for the worker's."""

    def __init__(self, pidfd: int | None = None) -> None:
        self._sleeper = None
        if pidfd is None:
            self._sleeper = subprocess.Popen(["/bin/sleep", "600"])
            pidfd = os.pidfd_open(self._sleeper.pid)
        self.pidfd = pidfd
        self.sock, sock = socket.socketpair()
        self.sock.settimeout(10.0)  # a test that sends too much ahead fails instead of hanging
        self.status, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, self.output = os.pipe()
        trace, self.trace = os.pipe()
        socket.send_fds(self.status, [b"{}"], [self.pidfd])
        self._lines = Lines(sock, output, trace, status, Limits())
        self._handed_over = False

    @cached_property
    def process(self) -> WorkerProcess:
        """The worker as the grader holds it."""
        return WorkerProcess(self._lines)

    def hand_over(self) -> Lines:
        """Return the grader's ends of the lines, to take and to close instead of `process`."""
        self._handed_over = True
        return self._lines

    def submission(self) -> RemoteSubmission:
        """A submission in this worker, which has greeted as it should."""
        self.send(frame(GREETING))
        return RemoteSubmission(self.process)

    def send(self, data: bytes) -> None:
        """Send bytes ahead of the request that they are to answer."""
        self.sock.sendall(data)

    def tell_exit(self, status: int = signal.SIGKILL, cpu: float = 0.0) -> None:
        """Say, as the fork server, how the worker ended."""
        self.status.send(json.dumps({"status": status, "cpu": cpu}).encode())

    def hang_up(self) -> None:
        """Send nothing more, but still read."""
        self.sock.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """Let the worker's process end and hang up."""
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
        self.status.close()
        if not self._handed_over:
            self.process.close()
        os.close(self.output)
        os.close(self.trace)
        if self._sleeper is not None:
            os.close(self.pidfd)
            self._sleeper.kill()
            self._sleeper.wait()
