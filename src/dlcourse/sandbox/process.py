"""One worker process, as the grader holds it: requests, clocks, output, death."""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dlcourse.sandbox.clock import cpu_seconds, is_runnable
from dlcourse.sandbox.faults import (
    Place,
    StudentCrash,
    StudentFault,
    StudentProtocol,
    StudentTimeout,
    WrongAnswer,
    error_for,
)
from dlcourse.sandbox.output import Tail
from dlcourse.sandbox.server import Lines
from dlcourse.sandbox.tensors import Malformed
from dlcourse.sandbox.wire import Channel, Frame, PeerGone

_PROCESSORS: Final = os.cpu_count() or 1
_WALL_FACTOR: Final = 5.0  # a generous backstop for a machine that is busy with other work
_LAST_WORDS_SECONDS: Final = 0.2
_REAP_SECONDS: Final = 5.0
_FRAME_LINE: Final = re.compile(r'File "([^"]{1,200})", line (\d{1,9})')
_MAX_ERROR_TEXT: Final = 16_000


@dataclass(frozen=True)
class Budget:
    """How long the worker may take from now on: CPU seconds, and a wall-clock backstop."""

    cpu: float

    @property
    def wall(self) -> float:
        """Seconds on the wall clock after which a worker that does not compute is ended."""
        return self.cpu * _WALL_FACTOR


@dataclass(frozen=True)
class Exit:
    """How a process ended: its wait status and the CPU seconds of its whole life."""

    status: int
    cpu: float

    @property
    def sentence(self) -> str:
        """The end in words."""
        if not os.WIFSIGNALED(self.status):
            code = os.waitstatus_to_exitcode(self.status)
            return f"the process exited with code {code} before answering"
        number = os.WTERMSIG(self.status)
        names = {
            signal.SIGSEGV: "a segmentation fault",
            signal.SIGABRT: "an abort inside a library",
            signal.SIGBUS: "a bus error",
            signal.SIGFPE: "an arithmetic fault",
            signal.SIGILL: "an illegal instruction",
            signal.SIGKILL: "SIGKILL",
        }
        known = names.get(signal.Signals(number))
        return f"the process crashed: {known or signal.Signals(number).name}"


class _OutOfTime(Exception):
    """Raised inside a wait, to leave it."""

    def __init__(self, clock: str) -> None:
        self.clock = clock


class WorkerProcess:
    """A live worker; every request either returns a validated frame or raises a StudentFault."""

    def __init__(self, lines: Lines) -> None:
        message, descriptors, _, _ = socket.recv_fds(lines.status, 1 << 12, 1)
        if not message or not descriptors:
            raise RuntimeError("the fork server started no worker")
        (self._pidfd,) = descriptors
        self.pid = _pid_of(self._pidfd)
        self._status = lines.status
        self._output = Tail(lines.output)
        self._trace = Tail(lines.trace)
        self._channel = Channel(lines.sock, self._wait)
        self._numbers = itertools.count(1)
        self._release: list[int] = []
        self._seed: int | None = None
        self._death: StudentFault | None = None
        self._exit: Exit | None = None
        self.begin(Budget(10.0))

    # Clocks.

    def begin(self, budget: Budget, seed: int | None = None) -> None:
        """Start a test: from now on it may spend `budget`; its first request carries `seed`."""
        self._budget = budget
        self._seed = seed
        self._cpu_start = cpu_seconds(self.pid) or 0.0
        self._wall_start = time.monotonic()

    @property
    def cpu_spent(self) -> float:
        """CPU seconds since `begin`."""
        now = self._exit.cpu if self._exit else cpu_seconds(self.pid)
        return max(0.0, (now or self._cpu_start) - self._cpu_start)

    def _wait(self, fd: int, events: int) -> None:
        """Wait for the socket, draining output meanwhile; raises _OutOfTime.

        CPU time can run at most as fast as there are processors, so the clock is looked at again
        when the rest could have been spent at the earliest.
        """
        poll = select.poll()
        poll.register(fd, events)
        while True:
            for tail in (self._output, self._trace):
                number = tail.fileno()
                if number is not None:
                    poll.register(number, select.POLLIN)
            for ready, _ in poll.poll(1000 * self._patience()):
                if ready == fd:
                    return
                tail = self._output if ready == self._output.fileno() else self._trace
                tail.drain()
                if tail.fileno() is None:
                    poll.unregister(ready)

    def _patience(self) -> float:
        """Seconds until a clock has to be looked at again; raises _OutOfTime."""
        cpu_left = self._budget.cpu - self.cpu_spent
        if cpu_left <= 0:
            raise _OutOfTime("cpu")
        wall_left = self._budget.wall - (time.monotonic() - self._wall_start)
        if wall_left <= 0:
            raise _OutOfTime("wall")
        return max(0.001, min(cpu_left / _PROCESSORS, wall_left))

    # Requests.

    @property
    def alive(self) -> bool:
        """Whether the worker can still be asked."""
        return self._death is None

    def greet(self) -> Frame:
        """Receive the worker's first frame, which names the layers that confine it."""
        return self._guarded(self._channel.receive)

    def request(
        self,
        header: Mapping[str, Any],
        descriptions: Sequence[Mapping[str, Any]] = (),
        buffers: Sequence[memoryview] = (),
    ) -> Frame:
        """Send a request and return the answer; raises what graded code is to blame for."""
        number = next(self._numbers)
        message = {**header, "id": number, "seed": self._seed, "release": self._release[:]}
        self._release.clear()
        self._seed = None

        def exchange() -> Frame:
            self._channel.send(message, descriptions, buffers)
            return self._channel.receive()

        frame = self._guarded(exchange)
        if frame.header.get("id") != number:
            raise self._die(StudentProtocol("the worker answered out of order"))
        return self._judge(frame)

    def release(self, node: int) -> None:
        """Tell the worker, with the next request, that nobody refers to `node` any more."""
        self._release.append(node)

    def malformed(self, what: str) -> StudentFault:
        """End a worker that sent nonsense; returns the exception to raise."""
        return self._die(StudentProtocol(f"the worker sent a malformed answer: {what}"))

    def _judge(self, frame: Frame) -> Frame:
        """Return an answer; raise what it tells of an exception or of an unsendable value."""
        header = frame.header
        status = header.get("status")
        if status == "answer":
            return frame
        try:
            if status == "unsendable":
                kind = _text(header.get("kind"), 300)
                raise WrongAnswer(
                    f"the answer holds {kind}: return tensors, numbers, strings or containers of them"
                )
            if status == "raised":
                raise _raised(header)
        except Malformed as error:
            raise self.malformed(str(error)) from None
        raise self.malformed("unknown status")

    def _guarded(self, exchange: Any) -> Frame:
        if self._death is not None:
            raise StudentCrash(f"the worker is gone: {self._death}")
        try:
            frame: Frame = exchange()
        except _OutOfTime as end:
            raise self._die(self._timeout(end.clock)) from None
        except Malformed as error:
            raise self.malformed(str(error)) from None
        except PeerGone:
            raise self._die(self._crash()) from None
        return frame

    # Ends.

    def _timeout(self, clock: str) -> StudentTimeout:
        """Ask the process where it is, then describe the end."""
        runnable = is_runnable(self.pid)
        starved = clock == "wall" and runnable and self.cpu_spent < self._budget.cpu / 2
        place = self._last_words()
        if clock == "cpu":
            return StudentTimeout(
                f"ran out of CPU time ({self._budget.cpu:.3g} s)", clock="cpu", place=place
            )
        return StudentTimeout(
            f"gave no answer within {self._budget.wall:.3g} s", clock="wall", starved=starved, place=place
        )

    def _last_words(self) -> Place | None:
        """The line that graded code is at: a handler in C writes it even inside one long call."""
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGUSR1)
        except (ProcessLookupError, PermissionError):
            return None
        fd = self._trace.fileno()
        if fd is not None:
            select.select([fd], [], [], _LAST_WORDS_SECONDS)
        return self._traced_place()

    def _traced_place(self) -> Place | None:
        """The innermost learner's line in what faulthandler wrote."""
        for file, line in _FRAME_LINE.findall(self._trace.take()):
            if "/" not in file and not file.startswith("<"):
                return Place(file, int(line))
        return None

    def _crash(self) -> StudentFault:
        exit_ = self._await_exit()
        place = self._traced_place()
        if exit_ is None:
            return StudentCrash("the process hung up without ending", place)
        killed = os.WIFSIGNALED(exit_.status) and os.WTERMSIG(exit_.status) == signal.SIGKILL
        if killed and self.cpu_spent >= self._budget.cpu:
            return self._timeout("cpu")
        return StudentCrash(exit_.sentence, place)

    def _await_exit(self) -> Exit | None:
        """The exit that the fork server reports, within a bound."""
        if self._exit is None and select.select([self._status], [], [], _REAP_SECONDS)[0]:
            message = self._status.recv(1 << 12)
            if message:
                told = json.loads(message)
                self._exit = Exit(status=told["status"], cpu=told["cpu"])
        return self._exit

    def _die(self, death: StudentFault) -> StudentFault:
        """Remember why the worker ended, and end it."""
        self._death = self._death or death
        self._kill()
        return death

    def _kill(self) -> None:
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return

    def take_output(self) -> str:
        """What graded code printed since the last call, bounded."""
        return self._output.take()

    def close(self) -> None:
        """End the worker and wait until it is gone."""
        if self._pidfd < 0:
            return
        self._kill()
        self._await_exit()
        self._death = self._death or StudentCrash("closed")
        self._channel.close()
        self._status.close()
        self._output.close()
        self._trace.close()
        os.close(self._pidfd)
        self._pidfd = -1


def _pid_of(pidfd: int) -> int:
    """The process's number as this process sees it, whatever namespace it lives in."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Pid":
            return int(value)
    raise RuntimeError("this kernel does not say whose pidfd this is")


def _raised(header: Mapping[str, Any]) -> StudentFault:
    ancestry = header.get("ancestry")
    if type(ancestry) is not list or any(type(name) is not str for name in ancestry):
        raise Malformed("ancestry")
    return error_for(
        ancestry[:32],
        _text(header.get("type"), 200),
        _text(header.get("message"), 4000),
        _text(header.get("traceback"), _MAX_ERROR_TEXT),
        _place(header),
    )


def _place(header: Mapping[str, Any]) -> Place | None:
    file, line = header.get("file"), header.get("line")
    if file is None:
        return None
    if type(line) is not int or not 0 <= line < 1 << 31:
        raise Malformed("line")
    return Place(_text(file, 200), line)


def _text(value: Any, limit: int) -> str:
    if type(value) is not str:
        raise Malformed("not a string")
    return value[:limit].encode("utf-8", "replace").decode("utf-8")
