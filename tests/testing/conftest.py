"""Students whose submission is our own code here, or graded code in a worker."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import pytest

from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.remote import RemoteSubmission, Sources
from dlcourse.sandbox.server import ForkServer
from dlcourse.sandbox.watch import Budget
from dlcourse.testing import Student
from dlcourse.testing.backend import LocalSubmission
from dlcourse.testing.student import Seat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.testing.backend import Backend


class Enrol(Protocol):
    """Makes a student of a submission and a solution."""

    def __call__(self, source: str, solution: str | None = None) -> Student:
        """Return the student; without a solution, the submission is measured by itself."""


def module(source: str, name: str = "solution_work") -> ModuleType:
    """Return a module made of a source text."""
    made = ModuleType(name)
    exec(source, vars(made))  # noqa: S102 - the text of a test
    return made


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    """One fork server for all tests."""
    with ForkServer() as server:
        server.configure(hidden=[])
        server.await_ready()
        yield server


@pytest.fixture
def in_a_worker(server: ForkServer) -> Iterator[Enrol]:
    """Students whose submission runs in a worker of its own."""
    started = []

    def enrol(source: str, solution: str | None = None) -> Student:
        submission = RemoteSubmission.start(server, Limits())
        started.append(submission)
        submission.load(Sources("work", {"work": source}), Budget(10.0), 1)
        submission.process.begin(Budget(30.0))
        return _seated(submission, solution or source)

    yield enrol
    for submission in started:
        submission.process.close()


@pytest.fixture(params=["here", "in a worker"])
def anywhere(request: pytest.FixtureRequest, in_a_worker: Enrol) -> Enrol:
    """Students of both kinds: a suite must not tell them apart."""
    if request.param == "in a worker":
        return in_a_worker

    def enrol(source: str, solution: str | None = None) -> Student:
        return _seated(LocalSubmission(module(source)), solution or source)

    return enrol


def _seated(backend: Backend, solution: str) -> Student:
    return Student(Seat(backend, module(solution), "work.py"))
