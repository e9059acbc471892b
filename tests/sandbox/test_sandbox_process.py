"""How real workers end, and what the grader says of it."""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.errors import DlcourseError
from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.faults import (
    Place,
    StudentCrash,
    StudentError,
    StudentFault,
    StudentProtocol,
    StudentTimeout,
)
from dlcourse.sandbox.output import MAX_OUTPUT
from dlcourse.sandbox.process import WorkerProcess
from dlcourse.sandbox.remote import RemoteSubmission, Sources
from dlcourse.sandbox.server import ForkServer
from dlcourse.sandbox.watch import Budget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Load

WORK = dedent("""\
    import ctypes
    import os
    import signal
    import sys
    import threading
    import time

    import torch

    HOARD = []

    def fine(x):
        return x

    def loop():
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass

    def power():
        return 10 ** 10 ** 8

    def matmul():
        x = torch.ones(1 << 12, 1 << 12)
        for _ in range(1000):
            x @ x

    def deaf():
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGXCPU, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        while True:
            pass

    def spinning_thread():
        threading.Thread(target=loop, daemon=True).start()

    def nap(seconds):
        time.sleep(seconds)

    def sleep():
        time.sleep(1e6)

    def stop():
        os.kill(os.getpid(), signal.SIGSTOP)

    def flood():
        while True:
            print("x" * 10_000)

    def flood_the_trace():
        while True:
            os.write(4, b'Current thread\\n  File "other.py", line 7 in f\\n' * 100)

    def forge_the_trace():
        os.write(4, b'Current thread\\n  File "other.py", line 7 in f\\n')
        while True:
            pass

    def close_output():
        os.close(1)
        os.close(2)

    def leave(code):
        os._exit(code)

    def crash():
        print("before the crash", end="")
        ctypes.string_at(0)

    def send_signal(number):
        os.kill(os.getpid(), number)

    def close_the_line():
        os.close(3)
        while True:
            pass

    def junk():
        os.write(3, b"HTTP/1.1 200 OK\\r\\n\\r\\n" * 10)

    def drip():
        os.write(3, b"DLC1")
        time.sleep(1e6)

    def flood_the_line():
        data = b"DLC1" + (1 << 20).to_bytes(4, "little") + (1 << 28).to_bytes(8, "little")
        os.write(3, data + b" " * (1 << 20))
        os.write(3, b"")
        while True:
            os.write(3, b"x")

    def exhaust():
        for size in (1 << 26, 1 << 20, 1 << 14, 1 << 8, 1 << 5, 1):
            try:
                while True:
                    HOARD.append(bytearray(size))
            except MemoryError:
                pass
        HOARD.append(bytearray(1 << 28))

    def allocate(n):
        return torch.empty(n).sum()

    def exhaust_descriptors():
        try:
            while True:
                HOARD.append(os.dup(1))
        except OSError:
            pass

    def break_streams():
        del sys.stdout
        sys.stderr = None
""")


@pytest.fixture
def work(load: Load) -> RemoteSubmission:
    """The source above, loaded, with half a second to spend."""
    return load(WORK, budget=0.5)


def line_of(text: str, after: str) -> int:
    """The number of the first line with `text` below the one with `after`."""
    lines = WORK.splitlines()
    start = next(number for number, line in enumerate(lines) if after in line)
    return next(n for n, line in enumerate(lines[start:], start + 1) if text in line)


@pytest.mark.parametrize(
    ("function", "line"),
    [("loop", "pass"), ("power", "10 ** 10"), ("matmul", "x @ x")],
)
def test_a_computation_without_end_runs_out_of_cpu_time(
    work: RemoteSubmission, function: str, line: str
) -> None:
    """The line is told even where it is inside one long call of C, and exceptions cannot help."""
    with pytest.raises(StudentTimeout, match=r"ran out of CPU time \(0.5 s\)") as timeout:
        work.call(function, (), {})
    assert timeout.value.clock == "cpu"
    assert not timeout.value.starved
    assert timeout.value.place is not None
    lines = {line_of(line, f"def {function}"), line_of(line, f"def {function}") - 1}
    assert timeout.value.place.file == "work.py"
    assert timeout.value.place.line in lines


def test_signals_that_are_ignored_end_it_all_the_same(work: RemoteSubmission) -> None:
    """A worker that blocks every signal is ended; only the place is unknown."""
    with pytest.raises(StudentTimeout) as timeout:
        work.call("deaf", (), {})
    assert timeout.value.place is None
    assert not work.process.alive


def test_a_thread_left_behind_is_charged(work: RemoteSubmission) -> None:
    """All threads of a worker share its budget, also while another call sleeps."""
    work.call("spinning_thread", (), {})
    with pytest.raises(StudentTimeout) as timeout:
        work.call("sleep", (), {})
    assert timeout.value.clock == "cpu"


@pytest.mark.parametrize("function", ["sleep", "stop", "drip"])
def test_a_worker_that_waits_meets_the_wall_clock(work: RemoteSubmission, function: str) -> None:
    """Sleeping, stopping itself and half an answer cost a bounded time, and are no starvation."""
    work.process.begin(Budget(0.1))
    with pytest.raises(StudentTimeout, match=r"gave no answer within 0.5 s") as timeout:
        work.call(function, (), {})
    assert timeout.value.clock == "wall"
    assert not timeout.value.starved
    if function == "sleep":
        assert timeout.value.place == Place("work.py", line_of("time.sleep", "def sleep"))


def test_the_graders_own_time_is_not_the_workers(work: RemoteSubmission) -> None:
    """What the suite takes between two calls costs the worker nothing."""
    work.process.begin(Budget(0.15))
    time.sleep(1.0)  # more than the wall clock's budget, as a slow reference may take
    assert work.call("fine", (1,), {}) == 1


def test_the_wall_clock_covers_all_calls_of_a_test(work: RemoteSubmission) -> None:
    """Naps add up, each of which alone would fit."""
    work.process.begin(Budget(0.3))
    work.call("nap", (0.9,), {})
    with pytest.raises(StudentTimeout, match=r"within 1.5 s"):
        work.call("nap", (0.9,), {})


def test_a_budget_covers_all_calls_of_a_test_and_is_renewed(work: RemoteSubmission) -> None:
    """CPU time adds up from `begin` to `begin`."""
    work.process.begin(Budget(5.0))
    work.call("fine", (1,), {})
    spent = work.process.cpu_spent
    assert 0 < spent < 5.0
    work.process.begin(Budget(5.0))
    assert work.process.cpu_spent < spent


def test_a_flood_of_output_neither_blocks_nor_fills_the_grader(work: RemoteSubmission) -> None:
    """What is printed without end meets the budget; a bounded part is kept, and said so."""
    with pytest.raises(StudentTimeout):
        work.call("flood", (), {})
    output = work.process.take_output()
    assert output.startswith("xxx")
    assert output.endswith("more bytes were printed]")
    assert len(output) < MAX_OUTPUT + 100


def test_a_flood_of_the_trace_pipe_meets_the_budget(work: RemoteSubmission) -> None:
    """The pipe for stack dumps is drained like the others."""
    with pytest.raises(StudentTimeout):
        work.call("flood_the_trace", (), {})


def test_a_place_that_was_written_beforehand_is_not_believed(work: RemoteSubmission) -> None:
    """The place of a timeout is where the worker is when it is asked."""
    with pytest.raises(StudentTimeout) as timeout:
        work.call("forge_the_trace", (), {})
    assert timeout.value.place is not None
    assert timeout.value.place.file == "work.py"


def test_a_flood_of_the_line_meets_the_budget(work: RemoteSubmission) -> None:
    """Bytes that never stop coming, or are none of an answer, end in graded code's fault."""
    with pytest.raises((StudentTimeout, StudentProtocol)):
        work.call("flood_the_line", (), {})


def test_output_may_be_closed(work: RemoteSubmission) -> None:
    """A worker without stdout still answers, and the grader keeps its pipes apart."""
    work.call("close_output", (), {})
    assert work.process.take_output() == ""
    assert work.call("fine", (1,), {}) == 1


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        ("leave", (0,), "the process exited with code 0 before answering"),
        ("leave", (3,), "the process exited with code 3 before answering"),
        ("leave", (97,), "the process can no longer answer: graded code broke what it runs on"),
        ("crash", (), "the process crashed: a segmentation fault"),
        ("send_signal", (9,), "the process was killed: by itself, or because the machine ran out"),
        ("send_signal", (15,), "the process ended by SIGTERM"),
        ("send_signal", (40,), "the process ended by signal 40"),
        ("close_the_line", (), "the process closed its line to the grader"),
    ],
)
def test_an_end_before_the_answer_is_told(
    work: RemoteSubmission, function: str, arguments: tuple[Any, ...], says: str
) -> None:
    """Exit codes, signals and a closed line each have their sentence."""
    with pytest.raises(StudentCrash) as crash:
        work.call(function, arguments, {})
    assert says in str(crash.value)


def test_a_crash_has_a_place_and_loses_no_output(work: RemoteSubmission) -> None:
    """The line that crashed is told, and what was printed before it is there."""
    with pytest.raises(StudentCrash) as crash:
        work.call("crash", (), {})
    assert crash.value.place == Place("work.py", line_of("string_at", "def crash"))
    assert work.process.take_output() == "before the crash"


def test_an_end_while_importing_is_told(load: Load) -> None:
    """An exit at import is a crash, not a success."""
    with pytest.raises(StudentCrash, match="exited with code 0"):
        load("import os\nos._exit(0)\n")


def test_writing_to_the_line_is_a_protocol_violation(work: RemoteSubmission) -> None:
    """Graded code that answers in the worker's place is caught."""
    with pytest.raises(StudentProtocol, match="the frame's head is not valid"):
        work.call("junk", (), {})


def test_the_cpu_limit_of_a_workers_life_is_a_timeout(load: Load) -> None:
    """Where the kernel ends a worker before the grader does, the learner reads of time."""
    work = load(WORK, budget=60.0, limits=Limits(cpu_seconds=2))
    with pytest.raises(StudentTimeout, match=r"ran out of CPU time \(2 s in all\)"):
        work.call("loop", (), {})
    assert 0.5 < work.process.cpu_spent < 4


def test_memory_is_bounded_and_the_worker_can_still_tell(load: Load) -> None:
    """Memory used up to the last byte ends in MemoryError, not in silence."""
    work = load(WORK, budget=20.0, limits=Limits(memory_bytes=128 << 20))
    with pytest.raises(MemoryError) as error:
        work.call("exhaust", (), {})
    assert isinstance(error.value, StudentError)


def test_a_single_giant_allocation_is_refused(work: RemoteSubmission) -> None:
    """Torch's own complaint arrives, with its place."""
    with pytest.raises(RuntimeError, match="allocate memory") as error:
        work.call("allocate", (1 << 40,), {})
    assert isinstance(error.value, StudentError)
    assert error.value.place is not None


@pytest.mark.parametrize("function", ["exhaust_descriptors", "break_streams"])
def test_a_worker_survives_what_it_can_do_without(work: RemoteSubmission, function: str) -> None:
    """Neither descriptors nor streams are needed to answer."""
    work.process.begin(Budget(5.0))
    work.call(function, (), {})
    assert work.call("fine", (torch.ones(2),), {}).tolist() == [1.0, 1.0]


def test_one_workers_end_costs_no_other_worker_anything(load: Load) -> None:
    """Two workers share nothing that one could break."""
    first, second = load(WORK), load(WORK)
    with pytest.raises(StudentFault):
        first.call("leave", (1,), {})
    assert second.call("fine", (1,), {}) == 1


def descriptors(process: str | int = "self") -> int:
    """How many files a process has open."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def children(pid: int) -> list[str]:
    """The processes that a process has and has not waited for."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def first_inside(server: ForkServer) -> int:
    """The process that forks workers: the server, or the one it stands for in namespaces."""
    inside = [int(pid) for pid in children(server.pid)]
    return inside[0] if inside else server.pid


def test_ended_workers_leave_nothing_behind(server: ForkServer) -> None:
    """No descriptor, no zombie and no process remains, however a worker ended."""
    before = descriptors()
    forking = first_inside(server)
    server_before = descriptors(forking)
    for function, arguments in (("fine", (1,)), ("leave", (0,)), ("junk", ()), ("sleep", ())):
        submission = RemoteSubmission.start(server, Limits())
        submission.load(Sources("work", {"work": WORK}), Budget(5.0), 1)
        submission.process.begin(Budget(0.05))
        with suppress(StudentFault):
            submission.call(function, arguments, {})
        submission.process.close()
        submission.process.close()
    assert descriptors() == before
    assert children(forking) == []
    # One more turn of the server's loop may be due for the last worker.
    RemoteSubmission.start(server, Limits()).process.close()
    assert descriptors(forking) <= server_before + 2


def test_an_interrupt_at_the_terminal_does_not_reach_the_server(server: ForkServer) -> None:
    """The server leads a session of its own, so Control-C is for the grader alone."""
    assert os.getsid(server.pid) == server.pid


def gone(pidfd: int) -> bool:
    """Whether the process ends within a generous time."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(20_000))


def test_a_grader_that_is_killed_leaves_no_worker(server: ForkServer) -> None:
    """When the grader's ends of the lines close, as they do at its death, a busy worker ends."""
    lines = server.spawn(Limits())
    process = WorkerProcess(lines)
    process.greet()
    process.request({"kind": "load", "main": "work", "files": {"work": WORK}})
    call = {"kind": "call", "target": "loop", "observe": False, "grad": False}
    empty = {"arguments": {"$": "tuple", "v": []}, "keywords": {"$": "dict", "v": []}}
    process._channel.send({**call, **empty, "id": 9, "seed": None, "release": []})
    lines.close()
    assert gone(process._pidfd)
    os.close(process._pidfd)


@pytest.fixture
def own_server() -> Iterator[ForkServer]:
    """A fork server that a test may kill."""
    with ForkServer() as server:
        server.configure(hidden=[])
        server.await_ready()
        yield server


def test_a_fork_server_that_dies_takes_its_workers_along(own_server: ForkServer) -> None:
    """Its workers end, the grader is told that it is not the learner's fault, nothing hangs."""
    submission = RemoteSubmission.start(own_server, Limits())
    submission.load(Sources("work", {"work": WORK}), Budget(5.0), 1)
    pidfd = os.pidfd_open(submission.process.pid)
    os.kill(own_server.pid, 9)
    assert gone(pidfd)
    os.close(pidfd)
    with pytest.raises(DlcourseError, match="run the same command again"):
        submission.call("fine", (1,), {})
    submission.process.close()
    before = descriptors()
    with pytest.raises(DlcourseError, match="run the same command again"):
        WorkerProcess(own_server.spawn(Limits()))
    assert descriptors() == before


def test_a_fork_server_that_cannot_load_says_what_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch does not load, the sentence has the command that shows why."""
    monkeypatch.setattr("sys.path", ["/nonexistent"])
    with ForkServer() as server, pytest.raises(DlcourseError, match="python -c 'import torch'"):
        server.await_ready()
