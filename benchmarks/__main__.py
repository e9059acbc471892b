"""`make bench`: each promise of speed, measured and compared with its bound."""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import torch

from benchmarks import workers
from benchmarks.pairs import measure
from dlcourse.course import load_course
from dlcourse.grading.check import Request, hidden_paths, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings, Job
from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.process import Budget
from dlcourse.sandbox.remote import RemoteSubmission, Sources
from dlcourse.sandbox.server import ForkServer
from dlcourse.testing.student import Seat, Student

HERE = Path(__file__).resolve().parent
COURSE = HERE / "course"
ROOT = HERE.parent
SUBMISSION = """
def ident(x):
    return x

def double(x):
    return 2 * x
"""
LARGE = 25_000_000  # float32: 100 MB


def main() -> None:
    """Measure everything; the exit code is 1 where a bound is missed."""
    torch.set_num_threads(1)
    kept = [warm_grading(), cold_check(), *remote_calls(), *confinement()]
    sys.exit(0 if all(kept) else 1)


def warm_grading() -> bool:
    """A warm grader against a cold pytest, on five trivial tests."""
    course = load_course(COURSE)
    request = Request(
        course=course,
        exercises=course.exercises,
        workdir=COURSE / "solutions",
        run=1,
    )
    job = job_for(request, course.exercises[0])
    with GraderProcess() as grader:
        grader.configure(GraderSettings(hidden=hidden_paths(course), secret="00"))
        pair = measure(lambda: _graded(grader, job), _cold_pytest, rounds=10)
    return _say(
        "five trivial tests: warm grader, cold pytest",
        f"{1e3 * pair.ours:.0f} ms, {1e3 * pair.theirs:.0f} ms: {pair.ratio:.1f} times faster",
        pair.ratio >= 20,
        "at least 20",
    )


def _graded(grader: GraderProcess, job: Job) -> None:
    events = list(grader.grade(job))
    assert sum(event.get("test", {}).get("outcome") == "passed" for event in events) == 5


def _cold_pytest() -> None:
    path = f"{COURSE / 'solutions' / 'day01_trivial'}"
    _run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "inprocess"), PYTHONPATH=path)


def cold_check() -> bool:
    """`dlcourse check ppo_loss` against `import torch`."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "day24_reinforcement"
        tree.mkdir()
        solution = ROOT / "solutions" / "day24_reinforcement" / "ppo_loss.py"
        (tree / "ppo_loss.py").write_bytes(solution.read_bytes())
        check = functools.partial(
            _run, "-m", "dlcourse", "check", "ppo_loss", "--course", str(ROOT), "--workdir", folder
        )
        pair = measure(check, lambda: _run("-c", "import torch"), rounds=10)
    bound = 1.5 * pair.theirs + 1
    return _say(
        "`dlcourse check ppo_loss`, cold; `import torch`",
        f"{pair.ours:.2f} s, {pair.theirs:.2f} s",
        pair.ours <= bound,
        f"at most 1.5 times plus 1 s = {bound:.2f} s",
    )


def remote_calls() -> list[bool]:
    """The latency of a small call, and the throughput of a large one."""
    with ForkServer() as server:
        server.configure(hidden=[])
        submission = RemoteSubmission.start(server, Limits())
        submission.load(Sources("bench", {"bench": SUBMISSION}), Budget(10.0), seed=1)
        submission.process.begin(Budget(1000.0))
        return [_small_call(submission), _large_call(submission)]


def _small_call(submission: RemoteSubmission) -> bool:
    """A call as a suite makes it, the check of the answer's structure included."""
    solution = ModuleType("solution")
    exec(SUBMISSION, vars(solution))  # noqa: S102 - our own text
    student = Student(Seat(submission, solution, "bench.py"))
    x = torch.randn(4, 8)
    spent = []
    for _ in range(1000):
        start = time.perf_counter()
        student.double(x)
        spent.append(time.perf_counter() - start)
    median = statistics.median(spent)
    return _say(
        "`student.double` of 4 x 8 floats", f"{1e3 * median:.2f} ms", median <= 1e-3, "1 ms"
    )


def _large_call(submission: RemoteSubmission) -> bool:
    x = torch.randn(LARGE)
    pair = measure(x.clone, lambda: submission.call("ident", (x,), {}), rounds=15)
    return _say(
        "100 MB to a worker and back; `x.clone()` into fresh pages",
        f"{1e3 * pair.theirs:.0f} ms, {1e3 * pair.ours:.0f} ms: {pair.ratio:.1f} times",
        pair.ratio <= 4,
        "at most 4",
    )


def confinement() -> list[bool]:
    """What confinement adds to a worker, and what a worker adds to a fork."""
    whole = workers.confined_and_not()
    fork = workers.worker_and_bare_fork()
    return [
        _say(
            "a worker up to its first answer: unconfined, confined",
            f"{1e3 * whole.ours:.1f} ms, {1e3 * whole.theirs:.1f} ms: {whole.ratio:.2f} times",
            whole.ratio <= 1.6,
            "at most 1.6",
        ),
        _say(
            "a fork of the warmed server that ends at once; a confined worker",
            f"{1e3 * fork.ours:.1f} ms, {1e3 * fork.theirs:.1f} ms: {fork.ratio:.2f} times",
            fork.ratio <= 2.5,
            "at most 2.5",
        ),
    ]


def _run(*arguments: str, **environment: str) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )


def _say(what: str, measured: str, kept: bool, bound: str) -> bool:  # noqa: FBT001 - a verdict
    print(f"{'kept  ' if kept else 'MISSED'}  {what}: {measured} (bound: {bound})", flush=True)
    return kept


if __name__ == "__main__":
    main()
