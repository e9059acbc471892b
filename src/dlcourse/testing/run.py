"""One exercise of one submission: every test in turn, in workers that are replaced when needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Final

import pytest
import torch

from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.faults import StudentFault, StudentTimeout
from dlcourse.sandbox.process import Budget
from dlcourse.sandbox.remote import LayerReport, RemoteSubmission, Sources
from dlcourse.sandbox.server import ForkServer
from dlcourse.testing.backend import Backend, LocalSubmission
from dlcourse.testing.plugin import (
    GradingPlugin,
    Scene,
    points_of,
    requirements_of,
    sentence_of,
    wants_fresh_worker,
)
from dlcourse.testing.student import Student, rests_on_claims
from dlcourse.testing.verdict import Outcome, Verdict, verdict_on

LOAD_BUDGET: Final = Budget(5.0)
LEAST_CPU: Final = 2.0
CPU_FACTOR: Final = 20.0
MAX_FAILED_LOADS: Final = 2
MAX_TIMEOUTS: Final = 2

_NOT_RUN: Final = "not run: {} before"


@dataclass(frozen=True)
class Setting:
    """All that one run needs: the code on both sides, where it runs, and its seeds.

    `seed_for` gives the seed of a test, by its name, for the inputs (`inputs`) and for the global
    generators of the worker (`worker`), which must not be derivable from one another.
    """

    plugin: GradingPlugin
    items: Sequence[pytest.Item]
    solution: ModuleType
    sources: Sources
    server: ForkServer
    limits: Limits
    device: torch.device
    seed_for: Callable[[str, str], int]
    fresh_for_every_test: bool = False

    def scene(self, backend: Backend, item: pytest.Item) -> Scene:
        """What the fixtures hand out when `backend` is in the learner's place."""
        student = Student(backend, self.solution, f"{self.sources.main}.py")
        return Scene(student, self.solution, self.seed_for(item.name, "inputs"), self.device)


@dataclass
class _Worker:
    """A loaded worker and whether a test has run in it."""

    submission: RemoteSubmission
    used: bool = False

    @property
    def usable(self) -> bool:
        return self.submission.process.alive


@dataclass(frozen=True)
class _Attempt:
    """One try at one test in one worker."""

    verdict: Verdict
    output: str
    claims: bool
    was_fresh: bool
    cpu: float
    wall: float


class ExerciseRun:
    """Runs the tests in order; a test that does not pass is repeated in a fresh worker."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._worker: _Worker | None = None
        self._failed_loads = 0
        self._timeouts = 0
        self._starved_retries = 1
        self._passed: set[str] = set()
        self.problem: str | None = None
        self.layers: tuple[LayerReport, ...] = ()

    def outcomes(self) -> Iterator[Outcome]:
        """Grade each test, yielding its outcome as soon as it is known."""
        try:
            for item in self._setting.items:
                outcome = self._outcome(item)
                if outcome.passed:
                    self._passed.add(item.name)
                yield outcome
        finally:
            self._drop_worker()

    def _outcome(self, item: pytest.Item) -> Outcome:
        verdict = self._reason_not_to_run(item)
        if verdict is not None:
            return _outcome(item, verdict)
        attempt = self._attempt(item, LEAST_CPU)
        attempts = 1
        while True:
            again = self._cpu_to_repeat_with(item, attempt, attempts)
            if again is None:
                break
            self._drop_worker()
            attempt = self._attempt(item, again)
            attempts += 1
        if attempt.verdict.timeout:
            self._timeouts += 1
        return _outcome(item, attempt.verdict, attempt, attempts)

    def _reason_not_to_run(self, item: pytest.Item) -> Verdict | None:
        if self._failed_loads >= MAX_FAILED_LOADS:
            return Verdict("error", (_NOT_RUN.format("the file could not be loaded"),))
        if self._timeouts >= MAX_TIMEOUTS:
            return Verdict("error", (_NOT_RUN.format("two tests ran out of time"),))
        missing = [name for name in requirements_of(item) if name not in self._passed]
        if missing:
            return Verdict("failed", (f"not run: it needs `{missing[0]}`, which did not pass",))
        return None

    def _cpu_to_repeat_with(
        self, item: pytest.Item, attempt: _Attempt, attempts: int
    ) -> float | None:
        """The CPU seconds to try a test again with; None where its verdict stands.

        A verdict from a fresh worker stands, except that the time limit is at least what the
        solution needs twenty times over, and that a starved machine costs nobody points.
        """
        verdict = attempt.verdict
        if verdict.ending in ("passed", "skipped", "broken") or self._failed_loads:
            return None
        timeout = verdict.timeout
        if timeout is None:
            return None if attempt.was_fresh else LEAST_CPU
        if timeout.clock == "wall":
            return self._starved_again(timeout)
        fair = max(LEAST_CPU, CPU_FACTOR * self._solution_cpu(item))
        if attempt.was_fresh and fair <= LEAST_CPU:
            return None
        return fair if attempts == 1 else None

    def _starved_again(self, timeout: StudentTimeout) -> float | None:
        if not timeout.starved or not self._starved_retries:
            return None
        self._starved_retries -= 1
        return LEAST_CPU

    def _attempt(self, item: pytest.Item, cpu: float) -> _Attempt:
        """Run one test once."""
        start = time.monotonic()
        try:
            worker = self._ready_worker(item)
        except StudentFault as fault:
            self._failed_loads += 1
            verdict = verdict_on(fault)
            assert verdict is not None
            self.problem = verdict.observed[0]
            return _Attempt(verdict, "", False, True, 0.0, time.monotonic() - start)
        was_fresh, worker.used = not worker.used, True
        process = worker.submission.process
        process.begin(Budget(cpu), self._setting.seed_for(item.name, "worker"))
        scene = self._setting.scene(worker.submission, item)
        error = self._setting.plugin.run(item, scene)
        return _Attempt(
            verdict=verdict_on(error) or self._who_is_to_blame(item, error),
            output=process.take_output(),
            claims=rests_on_claims(scene.student),
            was_fresh=was_fresh,
            cpu=process.cpu_spent,
            wall=time.monotonic() - start,
        )

    def _ready_worker(self, item: pytest.Item) -> _Worker:
        """The worker for the next test, loaded; raises StudentFault where loading fails."""
        setting = self._setting
        own = setting.fresh_for_every_test or wants_fresh_worker(item)
        if self._worker is not None and (not self._worker.usable or (own and self._worker.used)):
            self._drop_worker()
        if self._worker is None:
            submission = RemoteSubmission.start(setting.server, setting.limits)
            self.layers = submission.layers
            self._worker = _Worker(submission)
            try:
                submission.load(setting.sources, LOAD_BUDGET, setting.seed_for("", "worker"))
            except StudentFault:
                self._drop_worker()
                raise
        return self._worker

    def _drop_worker(self) -> None:
        if self._worker is not None:
            self._worker.submission.process.close()
            self._worker = None

    # The solution in the learner's place.

    def _judge(self, item: pytest.Item) -> tuple[BaseException | None, float]:
        """Run a test on the solution itself; returns what ended it and its CPU seconds."""
        scene = self._setting.scene(LocalSubmission(self._setting.solution), item)
        start = time.process_time()
        error = self._setting.plugin.run(item, scene)
        return error, time.process_time() - start

    def _solution_cpu(self, item: pytest.Item) -> float:
        return self._judge(item)[1]

    def _who_is_to_blame(self, item: pytest.Item, error: BaseException | None) -> Verdict:
        """The suite stumbled: it is broken only if it stumbles over the solution as well."""
        name = type(error).__name__
        on_solution, _ = self._judge(item)
        if on_solution is None:
            return Verdict("failed", (f"the answer is of no use to the test ({name})",))
        return Verdict("broken", (f"the test itself raised {name}: {error}",))


def _outcome(
    item: pytest.Item, verdict: Verdict, attempt: _Attempt | None = None, attempts: int = 0
) -> Outcome:
    return Outcome(
        name=item.name,
        sentence=sentence_of(item),
        points=points_of(item),
        verdict=verdict,
        output=attempt.output if attempt else "",
        claims=attempt.claims if attempt else False,
        attempts=attempts,
        cpu=attempt.cpu if attempt else 0.0,
        wall=attempt.wall if attempt else 0.0,
    )


def not_run(item: pytest.Item, reason: str) -> Outcome:
    """The outcome of a test whose submission could not be opened."""
    return _outcome(item, Verdict("error", (reason,)))
