"""The worker at hand for one exercise: loaded when first needed, replaced when it must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dlcourse.sandbox.faults import StudentFault
from dlcourse.sandbox.process import Budget
from dlcourse.sandbox.remote import RemoteSubmission

if TYPE_CHECKING:
    from dlcourse.sandbox.confinement import Limits
    from dlcourse.sandbox.remote import LayerReport, Sources
    from dlcourse.sandbox.server import ForkServer

LOAD_BUDGET: Final = Budget(5.0)


class LoadFailed(Exception):  # noqa: N818 - an end of graded code, not a fault of the program
    """A submission could not be loaded: the fault, what was printed, and the CPU seconds spent."""

    def __init__(self, fault: StudentFault, output: str, cpu: float) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.output = output
        self.cpu = cpu


@dataclass
class Worker:
    """A loaded worker and whether a test has run in it."""

    submission: RemoteSubmission
    used: bool = False


@dataclass(frozen=True)
class Load:
    """What a worker is made of: its server, its limits, the submission and the import's seed."""

    server: ForkServer
    limits: Limits
    sources: Sources
    seed: int


class Workers:
    """Hands out the one worker of an exercise; `layers` are what confined the last one."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._current: Worker | None = None
        self.layers: tuple[LayerReport, ...] = ()

    def ready(self, *, own: bool) -> Worker:
        """Return a loaded worker, an unused one if it is to be the test's `own`.

        Raises:
            LoadFailed: the submission cannot be loaded.
        """
        worker = self._current
        if worker is not None and (not worker.submission.process.alive or (own and worker.used)):
            self.drop()
        if self._current is None:
            self._current = self._start()
        return self._current

    def drop(self) -> None:
        """End the worker, if there is one; the next test gets a fresh one."""
        if self._current is not None:
            self._current.submission.process.close()
            self._current = None

    def _start(self) -> Worker:
        load = self._load
        submission = RemoteSubmission.start(load.server, load.limits)
        self.layers = submission.layers
        try:
            submission.load(load.sources, LOAD_BUDGET, load.seed)
        except StudentFault as fault:
            process = submission.process
            failed = LoadFailed(fault, process.take_output(), process.cpu_spent)
            process.close()
            raise failed from None
        return Worker(submission)
