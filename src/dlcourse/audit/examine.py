"""One exercise through the authoring gate."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dlcourse.audit import gates
from dlcourse.audit.digest import digest_of
from dlcourse.audit.form import examine
from dlcourse.audit.lines import lines_of_mistakes, lines_of_tests
from dlcourse.audit.model import ExerciseAudit, Figures, Finding
from dlcourse.audit.mutants.generate import mutants_of
from dlcourse.audit.programs import (
    Program,
    mistake_of,
    solution_of,
    stub_of,
    trivials_of,
    variants_of,
)
from dlcourse.audit.survivors import explained, reasons_of, survivors_are_explained
from dlcourse.audit.trials import Trial
from dlcourse.course import CourseDefects, layout, load_mistakes
from dlcourse.grading.report import Misconception, Outcome
from dlcourse.grading.signatures import Seen, Signatures, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from dlcourse.audit.model import Survivor
    from dlcourse.audit.mutants.generate import Mutant
    from dlcourse.audit.trials import Farm, Result
    from dlcourse.course import Defect, Exercise, Mistake

FIRST_RUN: Final = 1
MISTAKE_RUNS: Final = 3
MUTANT_RUNS: Final = 3  # a mutant that passes one run may be caught by other numbers


@dataclass
class Examination:
    """An exercise while it is audited: what was graded, found and counted so far.

    `keep` takes the signatures of the planted mistakes before their diagnoses are tried, and
    returns the file that these go by. `times` are the least seconds of each test.
    """

    exercise: Exercise
    farm: Farm
    seeds: int
    keep: Callable[[Exercise, Signatures], Path]
    findings: list[Finding] = field(default_factory=list)
    planted: list[gates.Planted] = field(default_factory=list)
    survivors: tuple[Survivor, ...] = ()
    made: int = 0
    times: dict[str, float] = field(default_factory=dict)

    def audit(self) -> ExerciseAudit:
        """Take the exercise through every point of the gate."""
        start = time.monotonic()
        form = examine(self.exercise)
        self.findings += [_defect(7, one) for one in form.defects]
        suite = gates.Suite(
            self.exercise,
            layout.suite_file(self.exercise.day, self.exercise.name),
            lines_of_tests(self.exercise.suite),
        )
        first = self._graded([Trial(solution_of(self.exercise), FIRST_RUN)])[0]
        self.findings += gates.suite_runs(suite, first)
        trivial = 0
        if first.problem is None:
            self._stub(suite)
            self._right(suite, first)
            self._mistakes(suite)
            trivial = self._trivial(suite)
            # Against a suite that the solution does not pass, every mutant would seem killed.
            if not first.lost:
                self._mutants()
        return self._closed(first, len(form.pending), trivial, time.monotonic() - start)

    def _graded(self, trials: Iterable[Trial]) -> list[Result]:
        return list(self.farm.results(self.exercise, trials))

    def _stub(self, suite: gates.Suite) -> None:
        (result,) = self._graded([Trial(stub_of(self.exercise), FIRST_RUN)])
        repair = self.exercise.kind == "repair"
        self.findings += gates.stub_earns_nothing(suite, result, repair=repair)

    def _right(self, suite: gates.Suite, first: Result) -> None:
        programs = [solution_of(self.exercise), *variants_of(self.exercise)]
        runs = range(FIRST_RUN, FIRST_RUN + self.seeds)
        trials = [Trial(program, run) for program in programs for run in runs]
        trials += [Trial(program, FIRST_RUN, isolation="test") for program in programs]
        right = [first, *self._graded(trial for trial in trials if trial != first.trial)]
        self.findings += gates.right_is_full(suite, right)
        shared = [one for one in right if one.trial.isolation == "exercise"]
        own = [one for one in shared if one.trial.program.kind == "solution"]
        self.times = gates.seconds_of(own)
        self.findings += gates.in_time(suite, self.times, self.exercise.seconds)

    def _mistakes(self, suite: gates.Suite) -> None:
        try:
            mistakes = load_mistakes(self.exercise)
        except CourseDefects:
            return  # told by the form
        lines = lines_of_mistakes(self.exercise)
        programs = {one.id: mistake_of(self.exercise, one, lines[one.id]) for one in mistakes}
        results = self._runs(programs, range(FIRST_RUN, FIRST_RUN + MISTAKE_RUNS))
        kept = self.keep(self.exercise, _signatures(self.exercise, mistakes, results))
        again = self._runs(programs, [FIRST_RUN + MISTAKE_RUNS], signatures=kept)
        self.planted = [
            gates.Planted(
                mistake=one,
                line=lines[one.id],
                results=(*results[one.id], *again[one.id]),
                diagnosed=tuple(result.misconception for result in again[one.id]),
            )
            for one in mistakes
        ]
        self.findings += gates.mistakes_are_caught(suite, self.planted)

    def _runs(
        self, programs: dict[str, Program], runs: Sequence[int], signatures: Path | None = None
    ) -> dict[str, tuple[Result, ...]]:
        trials = [
            Trial(program, run, signatures=signatures)
            for program in programs.values()
            for run in runs
        ]
        results = iter(self._graded(trials))
        return {name: tuple(next(results) for _ in runs) for name in programs}

    def _trivial(self, suite: gates.Suite) -> int:
        results = self._graded(Trial(one, FIRST_RUN) for one in trivials_of(self.exercise))
        self.findings += gates.trivial_earns_nothing(suite, results)
        return len(results)

    def _mutants(self) -> None:
        solution = solution_of(self.exercise)
        alive = mutants_of(solution.source)
        self.made = len(alive)
        for run in range(FIRST_RUN, FIRST_RUN + MUTANT_RUNS):
            trials = [Trial(_program(one, solution), run, until_lost=True) for one in alive]
            results = self.farm.results(self.exercise, trials)
            alive = tuple(
                mutant for mutant, result in zip(alive, results, strict=True) if not result.lost
            )
        try:
            reasons = reasons_of(self.exercise)
        except CourseDefects as error:
            self.findings += [_defect(4, one) for one in error.defects]
            reasons = {}
        self.survivors = explained(alive, reasons)
        self.findings += survivors_are_explained(self.exercise, self.survivors, reasons)

    def _closed(self, first: Result, pending: int, trivial: int, cost: float) -> ExerciseAudit:
        tests = tuple(test.name for test in first.tests)
        figures = Figures(
            tests=len(tests),
            points=sum(test.points for test in first.tests),
            variants=len(self.exercise.variants),
            seeds=self.seeds,
            mistakes=len(self.planted),
            mutants=self.made,
            killed=self.made - len(self.survivors),
            trivial=trivial,
            pending=pending,
            seconds=round(sum(self.times.values()), 2),
            cost=round(cost, 1),
        )
        return ExerciseAudit(
            exercise=self.exercise.name,
            day=self.exercise.day,
            title=self.exercise.title,
            core=self.exercise.core,
            digest=digest_of(self.exercise),
            figures=figures,
            tests=tests,
            mapped={one.mistake.id: one.mistake.test for one in self.planted},
            matrix={one.mistake.id: _marks(one.results, tests) for one in self.planted},
            survivors=self.survivors,
            findings=tuple(sorted(self.findings, key=lambda one: (one.gate, one.file, one.line))),
        )


def _defect(gate: int, defect: Defect) -> Finding:
    problem = f"{defect.key}: {defect.problem}" if defect.key else defect.problem
    line = max(defect.line, 1)
    return Finding(gate=gate, file=defect.file, line=line, problem=problem, remedy=defect.remedy)


def _program(mutant: Mutant, solution: Program) -> Program:
    return Program("mutant", mutant.name, solution.file, mutant.source, mutant.line)


def _signatures(
    exercise: Exercise, mistakes: Sequence[Mistake], results: dict[str, tuple[Result, ...]]
) -> Signatures:
    return Signatures(
        exercise=exercise.name,
        mistakes=tuple(
            signature_of(_misconception(one), one.test, map(_lost, results[one.id]))
            for one in mistakes
        ),
    )


def _misconception(mistake: Mistake) -> Misconception:
    return Misconception(
        id=mistake.id, text=mistake.misconception, hint=mistake.hint, anchor=mistake.theory
    )


def _lost(result: Result) -> dict[str, Seen]:
    return {test.name: Seen(test.outcome, test.observed) for test in result.lost}


def _marks(results: Sequence[Result], tests: Sequence[str]) -> str:
    """A mark for each test: how a mistake fared there, over all runs."""
    outcomes = [{test.name: test.outcome for test in result.tests} for result in results]
    return "".join(_mark([one.get(test) for one in outcomes]) for test in tests)


def _mark(outcomes: Sequence[Outcome | None]) -> str:
    lost = [outcome for outcome in outcomes if outcome is not None and outcome.lost]
    if not lost:
        return "."
    if len(lost) < len(outcomes):
        return "~"
    return "e" if all(outcome is Outcome.ERROR for outcome in lost) else "x"
