"""The grader process from outside: it may be killed, abandoned or interrupted at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from classroom import DOUBLE, KEY, Classroom, outcomes

from dlcourse.errors import CourseError
from dlcourse.grading.check import Request, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLEEPS = "import time\ndef double(x):\n    time.sleep(1000)\n"
SETTINGS = GraderSettings(hidden=(), secret=KEY, least_cpu=25.0)
# The grader, its fork server, the fork that grades, and the worker.
FAMILY = 4
CLIENT = """
import json, sys
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings, Job

settings, job = (json.loads(text) for text in sys.argv[1:])
with GraderProcess() as grader:
    grader.configure(GraderSettings.from_json(settings))
    print(grader.pid, flush=True)
    list(grader.grade(Job.from_json(job)))
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    """A classroom whose grader may be killed."""
    with GraderProcess() as grader:
        grader.configure(SETTINGS)
        yield Classroom(tmp_path_factory.mktemp("room"), grader)


def job_of(room: Classroom, source: str) -> Job:
    """Return the job for a submission to a new exercise."""
    exercise = room.exercise()
    workdir = room.submission((exercise, source))
    return job_for(Request(room.course, (exercise,), workdir, 1), exercise)


def family(root: int) -> set[int]:
    """Return a process and its descendants, as far as they are alive."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:  # it has just ended
            continue
        if state != "Z":
            parents[int(path.parent.name)] = int(parent)
    found = {root} & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def alive(pids: set[int]) -> set[int]:
    """Return those processes that are still alive."""
    return {pid for pid in pids if pid in family(pid)}


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, for at most a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def grown_family(root: int) -> set[int]:
    """Wait until a sleeping submission is being graded, and return everybody who takes part."""
    wait_until(lambda: len(family(root)) >= FAMILY)
    return family(root)


def test_a_killed_grader_is_one_sentence_and_is_replaced(room: Classroom) -> None:
    """Whoever waits for a grader that is killed reads what to do, and the next job is graded."""
    pid = room.grader.pid
    seen: set[int] = set()

    def kill() -> None:
        seen.update(grown_family(pid))
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(CourseError) as caught:
        list(room.grader.grade(job_of(room, SLEEPS)))
    killer.join()
    assert "ended while it graded `exercise_" in str(caught.value)
    assert "run the same command again" in str(caught.value)
    wait_until(lambda: not alive(seen))
    assert outcomes(room.grade(DOUBLE)) == ["passed", "passed"]
    assert room.grader.pid != pid


def test_an_abandoned_job_does_not_mix_with_the_next(room: Classroom) -> None:
    """Events of a job that nobody waited for are not taken for the next job's."""
    events = room.grader.grade(job_of(room, DOUBLE))
    next(events)
    report = room.grade("def double(x):\n    return 3 * x\n")
    assert outcomes(report) == ["failed", "passed"]


def test_a_grader_that_is_not_used_ends_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    """A command that ends before it grades anything prints nothing of the grader's."""
    with GraderProcess() as grader:
        pid = grader.pid
    assert not family(pid)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_client_that_is_stopped_leaves_no_process_behind(room: Classroom, number: int) -> None:
    """Grader, fork, fork server and worker end with the command that started them."""
    settings, job = json.dumps(vars(SETTINGS)), json.dumps(job_of(room, SLEEPS).to_json())
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, settings, job],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert client.stdout is not None
    with client.stdout:
        seen = grown_family(int(client.stdout.readline()))
    client.send_signal(number)
    client.wait()
    wait_until(lambda: not alive(seen))


def test_settings_and_jobs_survive_the_wire(room: Classroom) -> None:
    """What the grader reads is what was sent."""
    job = job_of(room, DOUBLE)
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    assert GraderSettings.from_json(json.loads(json.dumps(vars(SETTINGS)))) == SETTINGS
