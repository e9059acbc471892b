"""One fork server for all tests, and workers that hold a given source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.remote import RemoteSubmission, Sources
from dlcourse.sandbox.server import ForkServer
from dlcourse.sandbox.watch import Budget

if TYPE_CHECKING:
    from collections.abc import Iterator


class Load(Protocol):
    """Loads a source as `work.py` into a worker of its own."""

    def __call__(
        self, source: str, budget: float = 10.0, limits: Limits | None = None
    ) -> RemoteSubmission:
        """Return the submission; every test's workers are closed after it."""


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    """The fork server of the session."""
    with ForkServer() as server:
        server.configure(hidden=[])
        server.await_ready()
        yield server


@pytest.fixture
def load(server: ForkServer) -> Iterator[Load]:
    """A maker of workers."""
    started = []

    def start(source: str, budget: float = 10.0, limits: Limits | None = None) -> RemoteSubmission:
        submission = RemoteSubmission.start(server, limits or Limits())
        started.append(submission)
        submission.load(Sources("work", {"work": source}), Budget(10.0), 1)
        submission.process.begin(Budget(budget))
        return submission

    yield start
    for submission in started:
        submission.process.close()
