"""The pytest plugin: fixtures for a suite's author, and one test run at a time on request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest
import torch
from _pytest.runner import runtestprotocol  # what reruns of a test are built on everywhere

from dlcourse.sandbox.seeding import seed_globals
from dlcourse.testing.markers import DEFAULT_POINTS
from dlcourse.testing.student import Seat, Student

if TYPE_CHECKING:
    from types import ModuleType

_MARKERS = (
    "points(value): what the test is worth",
    "requires(*names): tests that must have passed before this one is run",
    "fresh: give the test a worker of its own",
)


@dataclass(frozen=True)
class Scene:
    """What the fixtures of one run of one test hand out."""

    seat: Seat
    seed: int
    device: torch.device


@dataclass(frozen=True)
class Failure:
    """What ended a test, and in which phase: `setup`, `call` or `teardown`."""

    error: BaseException
    phase: str


class GradingPlugin:
    """Registered with a pytest session, it runs single tests in a given scene."""

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._failure: Failure | None = None
        self.collection_errors: list[str] = []

    def run(self, item: pytest.Item, scene: Scene) -> Failure | None:
        """Run one test, with its setup and teardown; returns what ended it, None if nothing."""
        self._scene, self._failure = scene, None
        seed_globals(scene.seed)
        try:
            runtestprotocol(item, log=False, nextitem=None)
        finally:
            self._scene = None
        return self._failure

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
        """Remember a suite that cannot be collected, or that skips itself as a whole."""
        if report.failed or report.skipped:
            self.collection_errors.append(report.longreprtext)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport:
        """Keep the exception itself, and make a report without text.

        pytest's own would print the arguments of the frames it shows, and an answer of graded
        code may be made to take minutes and gigabytes to print.
        """
        if call.excinfo is not None and self._failure is None:
            self._failure = Failure(call.excinfo.value, call.when)
        assert call.when != "collect", "a test is not run while its suite is collected"
        ending: Literal["passed", "failed"] = "failed" if call.excinfo else "passed"
        return pytest.TestReport(item.nodeid, item.location, {}, ending, None, call.when)

    @pytest.fixture
    def student(self) -> Student:
        """Graded code; its functions run in a confined worker."""
        return Student(self._current.seat)

    @pytest.fixture
    def solution(self) -> ModuleType:
        """The reference solution, in this process."""
        return self._current.seat.solution

    @pytest.fixture
    def gen(self) -> torch.Generator:
        """A generator seeded for this run of this test; draw every input from it."""
        return torch.Generator().manual_seed(self._current.seed)

    @pytest.fixture
    def device(self) -> torch.device:
        """The device that inputs are made on."""
        return self._current.device


def name_of(item: pytest.Item) -> str:
    """A test's name, unique in its suite: classes before it, a case's parameters in brackets."""
    chain = [node for node in item.listchain() if isinstance(node, pytest.Class | pytest.Item)]
    return "::".join(node.name for node in chain)


def names_of(item: pytest.Item) -> frozenset[str]:
    """The names that mean a test: its own, and for a case that of the parametrised test."""
    name = name_of(item)
    original = getattr(item, "originalname", item.name)
    return frozenset({name, name.removesuffix(item.name) + original})


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
    """The sentence that the learner reads: the docstring's first paragraph on one line.

    A case of a parametrised test names its parameters before the full stop.
    """
    function = getattr(item, "function", None)
    text = (getattr(function, "__doc__", None) or item.name).strip()
    sentence = " ".join(text.split("\n\n")[0].split())
    case = getattr(item, "callspec", None)
    if case is None or sentence == item.name:
        return sentence
    end = "." if sentence.endswith(".") else ""
    return f"{sentence.removesuffix('.')} ({case.id}){end}"
