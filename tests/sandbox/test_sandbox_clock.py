"""Clocks of other processes, and the pipes that are drained while a clock is watched."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time

import pytest

from dlcourse.sandbox.clock import cpu_seconds, is_runnable
from dlcourse.sandbox.exits import Exit
from dlcourse.sandbox.output import MAX_OUTPUT, Tail
from dlcourse.sandbox.watch import Budget, OutOfTime, Watch


def test_the_clock_of_a_process_is_its_own() -> None:
    """A process's CPU time is read from outside as it reads it itself."""
    before = time.process_time()
    seen = cpu_seconds(os.getpid())
    assert seen is not None
    assert before <= seen <= time.process_time()


@pytest.mark.parametrize("pid", [0, -1, (1 << 22) + 1])
def test_a_process_that_is_gone_has_no_clock(pid: int) -> None:
    """Numbers that name no process never stand for our own clock."""
    assert cpu_seconds(pid) is None
    assert not is_runnable(pid)


def test_a_process_that_runs_is_told_from_one_that_sleeps() -> None:
    """A process that reads its own state is running; one that waits for input is not."""
    assert is_runnable(os.getpid())
    with subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as sleeper:
        assert sleeper.stdin is not None
        assert sleeper.stdout is not None
        sleeper.stdin.write(b"x")
        sleeper.stdin.flush()
        sleeper.stdout.read(1)
        # It has answered, so all that it still does is go to sleep.
        while is_runnable(sleeper.pid):
            pass
        sleeper.stdin.close()


def wait_for_ever(watch: Watch, fd: int) -> None:
    """Compute, by asking again and again for what is there."""
    while True:
        watch.wait(fd, select.POLLIN)


def test_a_watch_raises_for_the_clock_that_ran_out() -> None:
    """A process that has used its CPU time is told from one that only waits."""
    ours, theirs = socket.socketpair()
    watch = Watch(os.getpid())
    with ours, theirs:
        watch.begin(Budget(0.05))
        theirs.send(b"x")
        with pytest.raises(OutOfTime) as end:
            wait_for_ever(watch, ours.fileno())
        assert end.value.clock == "cpu"
        ours.recv(1)
        watch.begin(Budget(0.2))
        with pytest.raises(OutOfTime) as end, watch.waiting():
            watch.wait(ours.fileno(), select.POLLIN)
        assert end.value.clock == "wall"


def test_a_wait_survives_signals() -> None:
    """A signal that the grader handles neither ends a wait nor prolongs it for ever."""
    caught = []
    before = signal.signal(signal.SIGALRM, lambda *_: caught.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    ours, theirs = socket.socketpair()
    watch = Watch(os.getpid())
    watch.begin(Budget(0.1))
    try:
        with ours, theirs, pytest.raises(OutOfTime), watch.waiting():
            watch.wait(ours.fileno(), select.POLLIN)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caught


def test_a_watch_forgets_a_pipe_that_was_closed() -> None:
    """A number that stands for something else by now is not taken for the pipe."""
    ours, theirs = socket.socketpair()
    read, write = os.pipe()
    tail = Tail(read)
    watch = Watch(os.getpid(), tail)
    os.close(write)
    assert tail.take() == ""
    reused = os.dup2(ours.fileno(), read)
    with ours, theirs:
        theirs.send(b"x")
        watch.wait(ours.fileno(), select.POLLIN)
        assert ours.recv(1) == b"x"
    os.close(reused)


def test_what_lies_in_a_pipe_at_its_end_is_kept() -> None:
    """Closing takes what was written before; nothing is read after it."""
    read, write = os.pipe()
    tail = Tail(read)
    os.write(write, "last wörds".encode())
    tail.close()
    os.close(write)
    assert tail.take() == "last wörds"
    assert tail.fileno() is None
    tail.close()
    assert tail.take() == ""


def test_output_is_bounded_and_says_so_once() -> None:
    """What exceeds the bound is counted; after it has been taken, there is room again."""
    read, write = os.pipe()
    tail = Tail(read)
    for _ in range(5):
        os.write(write, b"x" * (MAX_OUTPUT // 4))
        tail.drain()
    assert tail.take() == "x" * MAX_OUTPUT + f"\n[{MAX_OUTPUT // 4} more bytes were printed]"
    os.write(write, b"y")
    os.close(write)
    assert tail.take() == "y"


def test_an_exit_is_read_and_told() -> None:
    """The fork server's message becomes a status, CPU seconds and a sentence."""
    exit_ = Exit.of(b'{"status": 768, "cpu": 1.5}')
    assert exit_ == Exit(status=768, cpu=1.5)
    assert exit_.sentence == "the process exited with code 3 before answering"


@pytest.mark.parametrize(
    ("status", "cpu", "met"), [(9, 30.0, True), (9, 5.0, False), (0, 40.0, False)]
)
def test_only_a_kill_at_the_limit_is_the_limits(status: int, cpu: float, *, met: bool) -> None:
    """A kill long before the limit, or an exit after it, has another cause."""
    assert Exit(status, cpu).met_cpu_limit(30) is met
