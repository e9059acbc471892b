"""Grade attacks with a real grader, and write down what came of each.

As a program it reads one JSON request: `root` (an empty folder), `tier` (which must hold;
where it is `none`, only harmless attacks are run), `attacks` (names), `canaries`. It writes
`root`/results/NAME.json for each attack, and `machine.json` for all.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from attack_canaries import found_in
from attack_cases import CASES, CONTROL, HERE, Attack
from attack_processes import Household, MemorySampler, Process
from attack_scene import DAY, NAME, Scene, Service
from rich.console import Console

from dlcourse.cli.checking import exit_status
from dlcourse.course import load_course
from dlcourse.grading.check import Request, check, hidden_paths, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings
from dlcourse.reports.terminal import render
from dlcourse.sandbox.confinement import linux

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dlcourse.grading.report import ExerciseReport, Report, TestReport
    from dlcourse.sandbox.tier import Tier

LEAST_CPU: Final = 0.5
"""Seconds of processor time before a test is ended; five times as many on the wall."""
RESULTS: Final = "results"
MACHINE: Final = "machine"
_RUN: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(frozen=True)
class Machine:
    """What held the workers, and what the honest answers earn."""

    tier: str
    layers: list[str]
    uid: int
    right: dict[str, Any]
    wrong: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What came of one attack.

    `left` are processes that it left running and `lost` those that it ended; `changed` counts by
    which a process that stays has more or fewer threads or descriptors than before; `neighbours`
    holds the report of whichever honest answer, `right` or `wrong`, was graded after it.
    """

    report: dict[str, Any]
    screen: str
    status: int
    leaks: list[str]
    contacts: int
    files: list[str]
    left: list[str]
    lost: list[str]
    changed: list[str]
    neighbours: dict[str, dict[str, Any]]
    seconds: float
    peaks: dict[str, int]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a result back."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))


class _Silent:
    """A listener that says nothing."""

    def exercise_started(
        self, name: str, title: str, file: str, *, problem: str | None = None
    ) -> None:
        """Say nothing."""

    def test_finished(self, test: TestReport) -> None:
        """Say nothing."""

    def exercise_finished(self, exercise: ExerciseReport) -> None:
        """Say nothing."""


def stable(data: Any) -> Any:
    """A report's JSON data without what may differ between two equal runs."""
    match data:
        case dict():
            return {key: stable(part) for key, part in data.items() if key != "timing"}
        case list():
            return [stable(part) for part in data]
        case _:
            return data


class Runner:
    """One grader, and all that stands around it."""

    def __init__(self, scene: Scene, grader: GraderProcess, required: Tier) -> None:
        self._scene = scene
        self._grader = grader
        self._course = load_course(scene.course)
        self._service = Service(scene.canaries["service"], scene.root)
        self._service.start()
        self._household = Household(adopts=True)
        self._turns = itertools.cycle(("right", "wrong"))
        settings = GraderSettings(
            hidden=hidden_paths(self._course),
            secret=scene.canaries["secret"].encode().hex(),
            least_cpu=LEAST_CPU,
            # What is held less would let an attack loose on this machine.
            required=required,
        )
        grader.configure(settings)

    def open(self) -> Machine:
        """Grade the honest answers, by which everything else is measured."""
        right, wrong = self._honest("right"), self._honest("wrong")
        self._await_idle()
        self._household.settle()
        self._digests = self._scene.digests()
        held = [layer["name"] for layer in right["confinement"]["layers"] if layer["active"]]
        return Machine(right["confinement"]["tier"], held, os.geteuid(), right, wrong)

    def _honest(self, learner: str) -> dict[str, Any]:
        report = self._grade(self._scene.root / "class" / learner)
        data: dict[str, Any] = stable(json.loads(report.model_dump_json()))
        return data

    def _await_idle(self) -> None:
        """Return once the grader has let its last fork go: it answers no sooner."""
        (exercise,) = self._course.resolve(NAME)
        self._grader.tests(
            job_for(Request(self._course, [exercise], self._scene.root, 0), exercise)
        )

    def _grade(self, workdir: Path, run: int = _RUN) -> Report:
        request = Request(self._course, self._course.resolve(NAME), workdir, run)
        return check(request, self._grader, _Silent())

    def result(self, attack: Attack) -> Result:
        """Grade an attack and look at what it leaves behind."""
        settled = frozenset(self._household.members)
        sampler = MemorySampler(os.getpid(), self._grader.pid, settled)
        sampler.start()
        start = time.monotonic()
        report = self._attacked(attack)
        seconds = time.monotonic() - start
        peaks = sampler.end()
        strangers, missing = self._household.strangers(), self._household.missing()
        text = report.model_dump_json()
        result = Result(
            report=json.loads(text),
            screen=_screen(report),
            status=exit_status(report),
            leaks=found_in(text, self._scene.canaries),
            contacts=self._service.take_contacts(),
            files=self._changed_files(),
            left=[str(process) for process in strangers],
            lost=[str(process) for process in missing],
            changed=self._household.changes(),
            neighbours={learner: self._honest(learner) for learner in self._next_learners(attack)},
            seconds=seconds,
            peaks=peaks,
        )
        self._restore(strangers)
        return result

    def _next_learners(self, attack: Attack) -> Sequence[str]:
        """Who is graded after an attack: one of the two, in turn, or both where it is a control."""
        if attack.group == CONTROL:
            return ("right", "wrong")
        return (next(self._turns),)

    def _attacked(self, attack: Attack) -> Report:
        """Grade an attack as often as it hands in, each time with other inputs."""
        said = ""
        for number in range(attack.rounds - 1, -1, -1):
            folder = self._scene.hand_in_attack(attack, {**self._targets(attack), "REPORT": said})
            report = self._grade(folder, _RUN + number)
            said = report.model_dump_json().encode().hex()
        return report

    def _targets(self, attack: Attack) -> dict[str, str]:
        """What attacks are after, by the name that stands for it in their files.

        The canaries themselves are told to those alone that show the detector at work.
        """
        told = self._scene.canaries.items() if attack.group == CONTROL else ()
        scene, grader = self._scene, self._grader.pid
        servers = [pid for pid, each in self._household.members.items() if each.parent == grader]
        return {
            "SUITE": str(scene.suite),
            "SOLUTION": str(scene.solution),
            "NEIGHBOUR": str(scene.neighbour),
            "GRADEBOOK": str(scene.gradebook),
            "WRONG": str(scene.root / "class" / "wrong" / DAY / f"{NAME}.py"),
            "ROOT": str(scene.root),
            "RUNNER": str(os.getpid()),
            "GRADER": str(grader),
            "SERVER": str(next(iter(servers), 0)),
            **self._service.addresses,
            **{f"CANARY_{place.upper()}": canary for place, canary in told},
        }

    def _changed_files(self) -> list[str]:
        now = self._scene.digests()
        names = self._digests.keys() | now.keys()
        return sorted(name for name in names if self._digests.get(name) != now.get(name))

    def _restore(self, strangers: list[Process]) -> None:
        """Clear away what an attack left, so that it spoils no other's result."""
        for process in strangers:
            with suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)
        if self._household.missing():
            self._household.settle()


def _screen(report: Report) -> str:
    """The report as a plain terminal shows it."""
    page = io.StringIO()
    render(report, Console(file=page, width=100, color_system=None, highlight=False))
    return page.getvalue()


def _write(root: Path, name: str, result: Machine | Result) -> None:
    (root / RESULTS / f"{name}.json").write_text(json.dumps(asdict(result)), encoding="utf-8")


def _run(root: Path, canaries: Mapping[str, str], tier: Tier, names: list[str]) -> None:
    scene = Scene(root, canaries)
    scene.build()
    attacks = [Attack.read(CASES / name) for name in names]
    with GraderProcess() as grader:
        runner = Runner(scene, grader, required=tier)
        _write(root, MACHINE, runner.open())
        for attack in attacks:
            if (attack.free or tier != "none") and (os.geteuid() == 0 or not attack.devices):
                _write(root, attack.name, runner.result(attack))


def _main() -> None:
    # Workers may read the folders that the grader imports from, and here lie the suite and attacks.
    sys.path.remove(str(HERE.resolve()))
    request = json.load(sys.stdin)
    root = Path(request["root"])
    (root / RESULTS).mkdir()
    linux.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    canaries = request["canaries"]
    # `cat` waits for its input, and never comes to the file that its arguments name.
    command = ["cat", "-", canaries["arguments"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL):
        _run(root, canaries, request["tier"], request["attacks"])


if __name__ == "__main__":
    _main()
