"""One exercise of one submission: every test in turn, in workers that are replaced when needed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dlcourse.sandbox.faults import StudentCrash
from dlcourse.sandbox.process import Budget
from dlcourse.testing.backend import LocalSubmission
from dlcourse.testing.plugin import (
    Failure,
    GradingPlugin,
    Scene,
    name_of,
    names_of,
    points_of,
    requirements_of,
    sentence_of,
    wants_fresh_worker,
)
from dlcourse.testing.release import release
from dlcourse.testing.stopwatch import TooLong, limited
from dlcourse.testing.student import Seat
from dlcourse.testing.verdict import Outcome, Verdict, blame, broken, useless, verdict_on
from dlcourse.testing.workers import LOAD_BUDGET, Load, LoadFailed, Worker, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    import pytest
    import torch

    from dlcourse.sandbox.confinement import Limits
    from dlcourse.sandbox.faults import StudentTimeout
    from dlcourse.sandbox.remote import LayerReport, Sources
    from dlcourse.sandbox.server import ForkServer
    from dlcourse.testing.backend import Backend

LEAST_CPU: Final = 2.0
MOST_CPU: Final = 60.0  # seconds that a suite and the solution may compute for one test
CPU_FACTOR: Final = 20.0
MAX_FAILED_LOADS: Final = 2
MAX_TIMEOUTS: Final = 2
STARVED_RETRIES: Final = 1
MAX_WALL: Final = 180.0  # seconds for one exercise, which sleepers would stretch to ten minutes


@dataclass(frozen=True)
class Setting:
    """All that one run needs: the code on both sides, where it runs, and its seeds.

    `seed_for` gives the seed of a test, by its name, for the inputs (`inputs`) and for the global
    generators of the worker (`worker`), which must not be derivable from one another. No test is
    ended before its worker has used `least_cpu` seconds; none may itself compute for longer than
    `most_cpu` seconds, or is begun after `most_wall` seconds. `forbidden` are the calls that would
    be no answer to the exercise.
    """

    plugin: GradingPlugin
    items: Sequence[pytest.Item]
    solution: ModuleType
    sources: Sources
    server: ForkServer
    limits: Limits
    device: torch.device
    seed_for: Callable[[str, str], int]
    least_cpu: float = LEAST_CPU
    most_cpu: float = MOST_CPU
    most_wall: float = MAX_WALL
    fresh_for_every_test: bool = False
    forbidden: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The learner's file, as sentences name it."""
        return f"{self.sources.main}.py"

    def scene(self, backend: Backend, item: pytest.Item) -> Scene:
        """What the fixtures hand out when `backend` is in the learner's place."""
        seat = Seat(backend, self.solution, self.file, forbidden=self.forbidden)
        return Scene(seat, self.seed_for(name_of(item), "inputs"), self.device)


@dataclass(frozen=True)
class _Attempt:
    """One try at one test in one worker, which may spend `limit` CPU seconds."""

    verdict: Verdict
    limit: float
    was_fresh: bool
    loaded: bool = True
    output: str = ""
    claims: bool = False
    cpu: float = 0.0
    wall: float = 0.0


class ExerciseRun:
    """Runs the tests in order; a test that does not pass is repeated in a fresh worker.

    `problem` is the sentence of the last load, where it failed.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._workers = Workers(
            Load(setting.server, setting.limits, setting.sources, setting.seed_for("", "worker"))
        )
        self._failed_loads = 0
        self._timeouts = 0
        self._starved_retries = STARVED_RETRIES
        self._passed: set[str] = set()
        self._start = time.monotonic()
        self.problem: str | None = None

    @property
    def layers(self) -> tuple[LayerReport, ...]:
        """What confined the last worker; empty where none was started."""
        return self._workers.layers

    def outcomes(self) -> Iterator[Outcome]:
        """Grade each test, yielding its outcome as soon as it is known."""
        try:
            for item in self._setting.items:
                outcome = self._outcome(item)
                if outcome.passed:
                    self._passed.add(outcome.name)
                yield outcome
        finally:
            self._workers.drop()

    def _outcome(self, item: pytest.Item) -> Outcome:
        verdict = self._reason_not_to_run(item)
        if verdict is not None:
            return _outcome(item, verdict)
        attempt = self._attempt(item, self._setting.least_cpu)
        attempts = 1
        while (limit := self._limit_to_repeat_with(item, attempt)) is not None:
            self._workers.drop()
            attempt = self._attempt(item, limit)
            attempts += 1
        if attempt.loaded and attempt.verdict.timeout:
            self._timeouts += 1
        return _outcome(item, attempt.verdict, attempt, attempts)

    def _reason_not_to_run(self, item: pytest.Item) -> Verdict | None:
        if self._failed_loads >= MAX_FAILED_LOADS:
            return Verdict("error", ("not run: the file could not be loaded",))
        if self._timeouts >= MAX_TIMEOUTS:
            return Verdict("error", ("not run: two tests before it ran out of time",))
        if time.monotonic() - self._start > self._setting.most_wall:
            return Verdict("error", ("not run: the tests before it took too long",))
        missing = [name for name in requirements_of(item) if not self._has_passed(name)]
        if missing:
            return Verdict("failed", (f"not run: it needs `{missing[0]}`, which did not pass",))
        return None

    def _has_passed(self, requirement: str) -> bool:
        """Whether every test that `requirement` means has passed."""
        meant = [item for item in self._setting.items if requirement in names_of(item)]
        return bool(meant) and all(name_of(item) in self._passed for item in meant)

    # Repeats.

    def _limit_to_repeat_with(self, item: pytest.Item, attempt: _Attempt) -> float | None:
        """The CPU seconds to try a test again with; None where its verdict stands.

        A verdict from a fresh worker stands, except that the time limit is at least what the
        solution needs twenty times over, and that a starved machine costs nobody points.
        """
        verdict = attempt.verdict
        if verdict.ending not in {"failed", "error"} or not attempt.loaded:
            return None
        if verdict.timeout is not None:
            return self._more_time(item, attempt, verdict.timeout)
        return None if attempt.was_fresh else self._setting.least_cpu

    def _more_time(
        self, item: pytest.Item, attempt: _Attempt, timeout: StudentTimeout
    ) -> float | None:
        if timeout.starved:
            if not self._starved_retries:
                return None
            self._starved_retries -= 1
            return attempt.limit
        if timeout.clock == "wall" and attempt.cpu < attempt.limit / 2:
            return None  # it slept
        fair = self._fair_limit(item)
        return fair if attempt.limit < fair or not attempt.was_fresh else None

    def _fair_limit(self, item: pytest.Item) -> float:
        """The CPU seconds that a test may take, by what it takes with the solution."""
        _, solution = self._judge(item)
        most = self._setting.limits.cpu_seconds - LOAD_BUDGET.cpu
        return max(self._setting.least_cpu, min(CPU_FACTOR * solution, most))

    # Attempts.

    def _attempt(self, item: pytest.Item, limit: float) -> _Attempt:
        """Run one test once."""
        start = time.monotonic()
        own = self._setting.fresh_for_every_test or wants_fresh_worker(item)
        try:
            worker = self._workers.ready(own=own)
        except LoadFailed as failed:
            return self._not_loaded(failed, limit, time.monotonic() - start)
        self.problem = None
        was_fresh, worker.used = not worker.used, True
        scene = self._setting.scene(worker.submission, item)
        failure = self._run(item, worker, scene, limit)
        process = worker.submission.process
        verdict = verdict_on(failure, item.path) or self._who_is_to_blame(item, failure)
        release(failure.error if failure else None)
        return _Attempt(
            verdict=verdict,
            limit=limit,
            was_fresh=was_fresh,
            output=process.take_output(),
            claims=scene.seat.claims,
            cpu=process.cpu_spent,
            wall=time.monotonic() - start,
        )

    def _run(self, item: pytest.Item, worker: Worker, scene: Scene, limit: float) -> Failure | None:
        process = worker.submission.process
        process.begin(Budget(limit), self._setting.seed_for(name_of(item), "worker"))
        failure = self._try(item, scene)
        if failure is None and not process.alive:
            # A suite that expects any exception must not take a crash for one.
            failure = Failure(StudentCrash("the process ended during the test"), "call")
        return failure

    def _try(self, item: pytest.Item, scene: Scene) -> Failure | None:
        """Run one test, unless an answer makes the test itself compute for ever."""
        try:
            with limited(self._setting.most_cpu):
                return self._setting.plugin.run(item, scene)
        except TooLong as error:  # in code of pytest's own
            return Failure(error, "call")

    def _not_loaded(self, failed: LoadFailed, limit: float, wall: float) -> _Attempt:
        self._failed_loads += 1
        verdict = blame(failed.fault)
        self.problem = f"`{self._setting.file}` cannot be loaded: {verdict.observed[0]}"
        return _Attempt(
            replace(verdict, observed=(self.problem,)),
            limit,
            was_fresh=True,
            loaded=False,
            output=failed.output,
            cpu=failed.cpu,
            wall=wall,
        )

    # The solution in the learner's place.

    def _judge(self, item: pytest.Item) -> tuple[Failure | None, float]:
        """Run a test on the solution itself; returns what ended it and its CPU seconds."""
        scene = self._setting.scene(LocalSubmission(self._setting.solution), item)
        start = time.process_time()
        failure = self._try(item, scene)
        return failure, time.process_time() - start

    def _who_is_to_blame(self, item: pytest.Item, failure: Failure | None) -> Verdict:
        """The suite stumbled: it is broken only if it stumbles over the solution as well."""
        assert failure is not None, "a test that passed needs no judge"
        on_solution, _ = self._judge(item)
        if on_solution is None:
            return useless(failure.error)
        return broken(on_solution.error, item.path)


def _outcome(
    item: pytest.Item, verdict: Verdict, attempt: _Attempt | None = None, attempts: int = 0
) -> Outcome:
    return Outcome(
        name=name_of(item),
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
