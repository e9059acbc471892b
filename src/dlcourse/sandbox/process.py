"""One worker process, as the grader holds it: requests, answers, death."""

from __future__ import annotations

import itertools
import os
import select
import signal
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dlcourse.errors import DlcourseError
from dlcourse.sandbox.claims import read_record
from dlcourse.sandbox.clock import is_runnable
from dlcourse.sandbox.exits import Exit
from dlcourse.sandbox.faults import (
    Place,
    StudentCrash,
    StudentFault,
    StudentProtocol,
    StudentTimeout,
    unsendable,
)
from dlcourse.sandbox.output import Tail
from dlcourse.sandbox.raised import bounded_text, place_in_dump, read_missing, read_raised
from dlcourse.sandbox.tensors import Malformed
from dlcourse.sandbox.watch import Budget, Clock, OutOfTime, Watch
from dlcourse.sandbox.wire import Channel, Frame, PeerGone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dlcourse.sandbox.record import Record
    from dlcourse.sandbox.server import Lines

__all__ = ["Budget", "WorkerProcess"]

_FORK_SECONDS: Final = 60.0
_LAST_WORDS_SECONDS: Final = 0.2
_HANG_UP_SECONDS: Final = 1.0
_REAP_SECONDS: Final = 10.0
_MAX_KIND: Final = 300
_SERVER_GONE: Final = "the worker server ended too early: run the same command again"


class WorkerProcess:
    """A live worker; every request either returns a validated frame or raises a StudentFault.

    Raises DlcourseError where the fork server, not the worker, is gone.
    """

    def __init__(self, lines: Lines) -> None:
        try:
            self._pidfd = _receive_pidfd(lines.status)
        except OSError:
            lines.close()
            raise DlcourseError(_SERVER_GONE) from None
        self.pid = _pid_of(self._pidfd)
        self._lines = lines
        self._output = Tail(lines.output)
        self._trace = Tail(lines.trace)
        self._watch = Watch(self.pid, self._output, self._trace)
        self._channel = Channel(lines.sock, self._watch.wait)
        self._numbers = itertools.count(1)
        self._release: list[int] = []
        self._drop: set[int] = set()
        self._seed: int | None = None
        self._listeners: list[Callable[[Record], None]] = []
        self._death: StudentFault | None = None
        self._exit: Exit | None = None

    def begin(self, budget: Budget, seed: int | None = None) -> None:
        """Start a test: from now on it may spend `budget`; its first request carries `seed`."""
        self._seed = seed
        self._watch.begin(budget)

    @property
    def cpu_spent(self) -> float:
        """CPU seconds since `begin`."""
        return self._watch.cpu_spent

    @property
    def alive(self) -> bool:
        """Whether the worker can still be asked."""
        return self._death is None

    def take_output(self) -> str:
        """What graded code printed since the last call, bounded."""
        return self._output.take()

    def greet(self) -> Frame:
        """Receive the worker's first frame, which names the layers that confine it."""
        return self._guarded(self._channel.receive)

    def request(
        self,
        header: Mapping[str, Any],
        descriptions: Sequence[Mapping[str, Any]] = (),
        buffers: Sequence[memoryview] = (),
    ) -> Frame:
        """Send a request and return the answer; raises what graded code is to blame for.

        Raises Unsendable where the request itself exceeds the wire's limits.
        """
        number = next(self._numbers)
        released, dropped = self._release[:], self._drop.copy()
        message = {
            **header,
            "id": number,
            "seed": self._seed,
            "release": released,
            "drop": list(dropped),
            "watch": bool(self._listeners),
        }

        def exchange() -> Frame:
            self._channel.send(message, descriptions, buffers)
            # Others may have been added since: the garbage collector runs when it likes.
            del self._release[: len(released)]
            self._drop.difference_update(dropped)
            self._seed = None
            return self._channel.receive()

        frame = self._guarded(exchange)
        if frame.header.get("id") != number:
            raise self._die(StudentProtocol("the worker answered out of order"))
        self._hear(message, frame)
        return self._judged(frame)

    @contextmanager
    def watched(self, listener: Callable[[Record], None]) -> Iterator[None]:
        """Tell `listener` what the worker claims of every call and gradient inside the block."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def _hear(self, request: Mapping[str, Any], frame: Frame) -> None:
        if not self._listeners:
            return
        try:
            record = read_record(request, frame.header)
        except Malformed as error:
            raise self.malformed(str(error)) from None
        if record is not None:
            for listener in self._listeners:
                listener(record)

    def release(self, node: int) -> None:
        """Tell the worker, with the next request, that nobody refers to `node` any more."""
        self._release.append(node)

    def drop(self, number: int) -> None:
        """Tell the worker, with the next request, that nobody refers to an object any more."""
        self._drop.add(number)

    def keep(self, number: int) -> None:
        """Take back a `drop` of which the worker has not been told yet."""
        self._drop.discard(number)

    def malformed(self, what: str) -> StudentFault:
        """End a worker that sent nonsense; returns the exception to raise."""
        return self._die(StudentProtocol(f"the worker sent a malformed answer: {what}"))

    def _guarded(self, exchange: Callable[[], Frame]) -> Frame:
        """Run an exchange under the clocks and turn its every end into what is to blame."""
        if self._death is not None:
            raise StudentCrash(f"the worker is gone: {self._death}")
        try:
            with self._watch.waiting():
                return exchange()
        except OutOfTime as end:
            raise self._die(self._timeout(end.clock)) from None
        except Malformed as error:
            raise self.malformed(str(error)) from None
        except PeerGone:
            raise self._die(self._crash()) from None

    def _judged(self, frame: Frame) -> Frame:
        """Return an answer; raise what it tells of an exception or of an unsendable value."""
        status = frame.header.get("status")
        if status == "answer":
            return frame
        try:
            fault = _fault_in(frame.header)
        except Malformed as error:
            raise self.malformed(str(error)) from None
        raise fault

    def _timeout(self, clock: Clock) -> StudentTimeout:
        """Ask the process where it is, then describe the end."""
        budget = self._watch.budget
        if clock == "cpu":
            sentence = f"ran out of CPU time ({budget.cpu:.3g} s)"
            return StudentTimeout(sentence, clock="cpu", place=self._last_words())
        starved = is_runnable(self.pid) and self.cpu_spent < budget.cpu / 2
        return StudentTimeout(
            f"gave no answer within {budget.wall:.3g} s",
            clock="wall",
            starved=starved,
            place=self._last_words(),
        )

    def _last_words(self) -> Place | None:
        """The line that graded code is at: a handler in C writes it even inside one long call."""
        self._trace.take()  # what graded code may have written there itself
        if not self._send_signal(signal.SIGUSR1):
            return None
        dump, end = "", time.monotonic() + _LAST_WORDS_SECONDS
        while (left := end - time.monotonic()) > 0:
            number = self._trace.fileno()
            if number is None:
                return None
            _readable(number, left)
            dump += self._trace.take()
            place = place_in_dump(dump)
            if place is not None:
                return place
        return None

    def _crash(self) -> StudentFault:
        """Say why the line went dead."""
        if not _readable(self._pidfd, _HANG_UP_SECONDS):
            return StudentCrash("the process closed its line to the grader")
        exit_ = self._await_exit()
        place = place_in_dump(self._trace.take())
        if exit_ is None:
            self._die(StudentCrash("the worker server ended"))
            raise DlcourseError(_SERVER_GONE)
        limit = self._lines.limits.cpu_seconds
        if exit_.met_cpu_limit(limit):
            return StudentTimeout(f"ran out of CPU time ({limit} s in all)", clock="cpu")
        return StudentCrash(exit_.sentence, place)

    def _await_exit(self) -> Exit | None:
        """The exit that the fork server reports; None where it is gone."""
        if self._exit is None and _readable(self._lines.status.fileno(), _REAP_SECONDS):
            message = self._lines.status.recv(1 << 12)
            if message:
                self._exit = Exit.of(message)
                self._watch.settle(self._exit.cpu)
        return self._exit

    def _die(self, death: StudentFault) -> StudentFault:
        """Remember why the worker ended, and end it."""
        self._death = self._death or death
        self._send_signal(signal.SIGKILL)
        return death

    def _send_signal(self, number: signal.Signals) -> bool:
        """Whether the process was still there to get it."""
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """End the worker and wait until it is gone."""
        if self._pidfd < 0:
            return
        self._die(StudentCrash("closed"))
        self._await_exit()
        self._output.close()
        self._trace.close()
        self._channel.close()
        self._lines.status.close()
        os.close(self._pidfd)
        self._pidfd = -1


def _receive_pidfd(status: socket.socket) -> int:
    """Take the handle of the worker that was forked; raises OSError where none comes."""
    status.settimeout(_FORK_SECONDS)
    _, descriptors, _, _ = socket.recv_fds(status, 1 << 12, 1, socket.MSG_CMSG_CLOEXEC)
    if not descriptors:
        raise ConnectionError("the fork server started no worker")
    return descriptors[0]


def _pid_of(pidfd: int) -> int:
    """The process's number as this process sees it, whatever namespace it lives in."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Pid":
            return int(value)
    raise DlcourseError(
        "this kernel does not say which process a `pidfd` stands for: use Linux 5.4 or newer"
    )


def _readable(fd: int, seconds: float) -> bool:
    """Whether `fd` has something to read, or has hung up, within `seconds`."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(1000 * seconds))


def _fault_in(header: Mapping[str, Any]) -> StudentFault:
    """The fault that an answer tells of; raises Malformed where it tells of none."""
    match header.get("status"):
        case "unsendable":
            return unsendable(bounded_text(header.get("kind"), _MAX_KIND))
        case "raised":
            return read_raised(header)
        case "missing":
            return read_missing(header)
    raise Malformed("unknown status")
