"""The pytest plugin: fixtures for a suite's author, and one test run at a time on request."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from types import ModuleType

import pytest
import torch
from _pytest.runner import runtestprotocol  # what reruns of a test are built on everywhere

from dlcourse.testing.markers import DEFAULT_POINTS
from dlcourse.testing.student import Student

_MARKERS = (
    "points(value): what the test is worth",
    "requires(*names): tests that must have passed before this one is run",
    "fresh: give the test a worker of its own",
)


@dataclass(frozen=True)
class Scene:
    """What the fixtures of one run of one test hand out."""

    student: Student
    solution: ModuleType
    seed: int
    device: torch.device


class GradingPlugin:
    """Registered with a pytest session, it runs single tests in a given scene."""

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._raised: BaseException | None = None
        self.collection_errors: list[str] = []

    def run(self, item: pytest.Item, scene: Scene) -> BaseException | None:
        """Run one test, with its setup and teardown; returns what ended it, None if nothing."""
        self._scene, self._raised = scene, None
        try:
            runtestprotocol(item, log=False, nextitem=None)
        finally:
            self._scene = None
        return self._raised

    @property
    def _current(self) -> Scene:
        assert self._scene is not None, "a fixture was asked for outside a run"
        return self._scene

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        """Declare the markers, for `--strict-markers`."""
        for marker in _MARKERS:
            config.addinivalue_line("markers", marker)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember a suite that cannot be collected."""
        if report.failed:
            self.collection_errors.append(report.longreprtext)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the exception itself: a report holds only its text."""
        if call.excinfo is not None and self._raised is None:
            self._raised = call.excinfo.value
        return (yield)

    @pytest.fixture
    def student(self) -> Student:
        """Graded code; its functions run in a confined worker."""
        return self._current.student

    @pytest.fixture
    def solution(self) -> ModuleType:
        """The reference solution, in this process."""
        return self._current.solution

    @pytest.fixture
    def gen(self) -> torch.Generator:
        """A generator seeded for this run of this test; draw every input from it."""
        return torch.Generator().manual_seed(self._current.seed)

    @pytest.fixture
    def device(self) -> torch.device:
        """The device that inputs are made on."""
        return self._current.device


def points_of(item: pytest.Item) -> float:
    """What a test is worth."""
    marker = item.get_closest_marker("points")
    return float(marker.args[0]) if marker else DEFAULT_POINTS


def requirements_of(item: pytest.Item) -> tuple[str, ...]:
    """The tests that must have passed before this one."""
    return tuple(name for marker in item.iter_markers("requires") for name in marker.args)


def wants_fresh_worker(item: pytest.Item) -> bool:
    """Whether a test asks for a worker of its own."""
    return item.get_closest_marker("fresh") is not None


def sentence_of(item: pytest.Item) -> str:
    """The sentence that the learner reads: the docstring's first paragraph on one line."""
    function = getattr(item, "function", None)
    text = (getattr(function, "__doc__", None) or item.name).strip()
    return " ".join(text.split("\n\n")[0].split())
