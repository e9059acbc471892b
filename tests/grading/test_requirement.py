"""A grader that requires a tier of confinement, on a machine that is made weaker for the test."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from classroom import DOUBLE, KEY, Classroom, Silent

from dlcourse.errors import CourseError, UnavailableError
from dlcourse.grading.check import Request, check, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.grading.job import Job

DENY_CALLS = Path(__file__).parents[1] / "cli" / "deny_calls.py"
SETTINGS = GraderSettings(hidden=(), secret=KEY, required="confined")


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    """A classroom whose grader and workers find neither namespaces nor Landlock."""
    root = tmp_path_factory.mktemp("weak")
    python = root / "python"
    denying = f"{DENY_CALLS} ENOSYS unshare,landlock_create_ruleset {sys.executable}"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {denying} "$@"\n')
    python.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        grader = GraderProcess()
    with grader:
        grader.configure(SETTINGS)
        yield Classroom(root, grader)


class Witness(Silent):
    """A listener that remembers whether it was told anything."""

    def __init__(self) -> None:
        self.told = False

    def exercise_started(self, *_: Any, **__: Any) -> None:
        """Remember."""
        self.told = True


def end(pid: int) -> None:
    """End a worker server and wait until it is gone; in namespaces, `pid` stands for it."""
    pidfd = os.pidfd_open(pid)
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    assert select.select([pidfd], [], [], 20)[0]
    os.close(pidfd)


def job_of(room: Classroom, *, missing: bool = False) -> Job:
    """Return the job for a right submission to a new exercise, or for one that is not there."""
    exercise = room.exercise()
    workdir = room.submission() if missing else room.submission((exercise, DOUBLE))
    return job_for(Request(room.course, (exercise,), workdir, 1), exercise)


def test_no_report_is_made_and_nothing_is_told(weak: Classroom) -> None:
    """Grading ends before anybody hears of an exercise."""
    exercise = weak.exercise()
    workdir = weak.submission((exercise, DOUBLE))
    witness = Witness()
    with pytest.raises(UnavailableError, match=r"`landlock` \(.+: Function not implemented\)"):
        check(Request(weak.course, (exercise,), workdir, 1), weak.grader, witness)
    assert not witness.told


@pytest.mark.parametrize("missing", [False, True])
def test_a_job_that_was_not_asked_about_before_is_judged_too(
    weak: Classroom, *, missing: bool
) -> None:
    """Each worker is judged, and so is a submission that needs none: no test ends in an event."""
    events: list[dict[str, Any]] = []
    with pytest.raises(UnavailableError, match="requires confinement `confined`"):
        events.extend(weak.grader.grade(job_of(weak, missing=missing)))
    assert events == []


def test_a_refusal_leaves_the_grader_as_it_was(weak: Classroom) -> None:
    """What this machine lacks breaks nothing: the same process answers what it can."""
    before = weak.grader.pid
    job = job_of(weak)
    with pytest.raises(UnavailableError):
        list(weak.grader.grade(job))
    with pytest.raises(UnavailableError):
        weak.grader.layers()
    assert weak.grader.tests(job) == ["test_value", "test_zero"]
    assert weak.grader.pid == before


def test_layers_are_told_without_a_submission(classroom: Classroom) -> None:
    """What holds a worker can be asked before there is anything to grade."""
    report = classroom.check(classroom.submission(), classroom.exercise())
    told = [layer.model_dump() for layer in report.confinement.layers]
    assert classroom.grader.layers() == told
    assert classroom.grader.required == "none"


def test_without_its_worker_server_a_grader_makes_no_report(tmp_path: Path) -> None:
    """Where a tier is required and no worker can be asked, the grader is broken, not the code."""
    with GraderProcess() as grader:
        grader.configure(SETTINGS)
        try:
            grader.layers()
        except UnavailableError:
            pytest.skip("this machine cannot confine graded code")
        room = Classroom(tmp_path, grader)
        children = Path(f"/proc/{grader.pid}/task/{grader.pid}/children")
        (server,) = map(int, children.read_text().split())
        end(server)
        with pytest.raises(CourseError, match="run the same command again"):
            room.check(tmp_path, room.exercise())
