"""The points of the authoring gate that results decide: results in, findings out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dlcourse.audit.lines import line_of_error
from dlcourse.audit.model import Finding
from dlcourse.grading.report import Outcome
from dlcourse.grading.selection import means

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dlcourse.audit.trials import Result
    from dlcourse.course import Exercise, Mistake
    from dlcourse.grading.report import TestReport

_LONGEST: Final = 160
_COLLECTED: Final = re.compile(r"cannot be collected \((.*)\): run", re.DOTALL)
_LARGEST_SHARE: Final = 0.5


@dataclass(frozen=True)
class Suite:
    """An exercise's suite as findings name it: its file, and the line of each test there."""

    exercise: Exercise
    file: str
    lines: dict[str, int] = field(default_factory=dict)

    def line(self, test: str) -> int:
        """Where a test begins; the file's first line for one that is not there."""
        return self.lines.get(test.partition("[")[0], 1)

    def finding(self, gate: int, test: str, problem: str, remedy: str) -> Finding:
        """Something that a test is to be mended for."""
        return Finding(
            gate=gate, file=self.file, line=self.line(test), problem=problem, remedy=remedy
        )


def suite_runs(suite: Suite, result: Result) -> Iterator[Finding]:
    """0: the suite can be collected, and has tests that give points."""
    if result.problem is not None:
        match = _COLLECTED.search(result.problem)
        reason = match[1] if match else result.problem
        yield Finding(
            gate=0,
            file=suite.file,
            line=line_of_error(suite.exercise.suite, reason),
            problem=f"the suite cannot be run ({_short(reason)})",
            remedy=f"run `python {suite.file}` to see more",
        )
    elif not sum(test.points for test in result.tests):
        yield suite.finding(0, "", "no test gives a point", "write `@points(1)` above one")


def stub_earns_nothing(suite: Suite, result: Result, *, repair: bool) -> Iterator[Finding]:
    """1: the stub fails every test that gives points, with its own message."""
    yield from _ungraded(1, result)
    name = suite.exercise.name
    for test in result.tests:
        if test.outcome is Outcome.PASSED and test.points:
            yield suite.finding(
                1,
                test.name,
                f"`{test.name}` gives its points to the stub",
                "let it call the exercise's functions and judge what they answer",
            )
        elif test.outcome is Outcome.BROKEN:
            yield _broken(1, suite, test, "the stub")
        elif not repair and test.points and not _is_own_message(test, name):
            yield suite.finding(
                1,
                test.name,
                f"`{test.name}` fails the stub for another reason than its `NotImplementedError`",
                f"let the stub raise `NotImplementedError` with a text that begins `{name}: `, "
                "and let the test not catch it",
            )


def _is_own_message(test: TestReport, name: str) -> bool:
    if test.outcome is Outcome.FAILED:
        # Not run, as a test that it requires was lost to the stub.
        return any(sentence.startswith("not run: it needs") for sentence in test.observed)
    raised = test.raised
    return raised is not None and raised.message.startswith(f"{name}: ")


def right_is_full(suite: Suite, results: Iterable[Result]) -> Iterator[Finding]:
    """2: the solution and the variants pass everything, on every seed, in either isolation."""
    told: set[tuple[str, str]] = set()
    for result in results:
        program = result.trial.program
        yield from _ungraded(2, result)
        for test in result.tests:
            key = (program.file, test.name)
            if test.outcome in {Outcome.PASSED, Outcome.SKIPPED} or key in told:
                continue
            told.add(key)
            if test.outcome is Outcome.BROKEN:
                yield _broken(2, suite, test, f"the {_called(result)}")
                continue
            yield suite.finding(
                2,
                test.name,
                f"`{test.name}` fails the {_called(result)} on run {result.trial.run} "
                f"({_observed(test)})",
                "the test must accept every correct program: loosen what it asks for, or mend "
                f"`{program.file}`",
            )


def _called(result: Result) -> str:
    program = result.trial.program
    alone = ", with a worker for each test" if result.trial.isolation == "test" else ""
    only_one = program.kind in {"stub", "solution"}
    return (program.kind if only_one else f"{program.kind} `{program.name}`") + alone


@dataclass(frozen=True)
class Planted:
    """A planted mistake with its results, where it is written, and what each run diagnosed."""

    mistake: Mistake
    line: int
    results: tuple[Result, ...]
    diagnosed: tuple[str | None, ...] = ()


def mistakes_are_caught(suite: Suite, planted: Sequence[Planted]) -> Iterator[Finding]:
    """3: every planted mistake loses the test that it is mapped to, and its diagnosis is shown."""
    for one in planted:
        yield from _lost_where_mapped(suite, one)
        others = sorted({said or "" for said in one.diagnosed if said != one.mistake.id})
        if one.results and others:
            said = f"`{others[0]}`" if others[0] else "no mistake at all"
            yield _at(
                one,
                f"the mistake `{one.mistake.id}` is diagnosed as {said}",
                "let a test or a wrong value tell the two apart, or join them",
            )


def _lost_where_mapped(suite: Suite, one: Planted) -> Iterator[Finding]:
    mistake = one.mistake
    for result in one.results:
        if result.problem is not None:
            yield from _ungraded(3, result)
            return
        mapped = [test for test in result.tests if means(mistake.test, test.name)]
        if not mapped:
            yield _at(
                one, f"`{mistake.test}` is no test of `{suite.file}`", "name one that is there"
            )
            return
        if not any(test.outcome.lost for test in mapped):
            yield _at(
                one,
                f"the mistake `{mistake.id}` passes `{mistake.test}` on run {result.trial.run}",
                "strengthen the test, or map the mistake to the test that catches it",
            )
            return
        for test in result.tests:
            if test.outcome is Outcome.BROKEN:
                yield _broken(3, suite, test, f"the mistake `{mistake.id}`")
                return
            if any("is of no use to the test" in sentence for sentence in test.observed):
                yield suite.finding(
                    3,
                    test.name,
                    f"`{test.name}` stumbles over what the mistake `{mistake.id}` answers "
                    f"({_observed(test)})",
                    "judge the answer before working with it",
                )
                return


def _at(one: Planted, problem: str, remedy: str) -> Finding:
    return Finding(gate=3, file=one.mistake.file, line=one.line, problem=problem, remedy=remedy)


def trivial_earns_nothing(suite: Suite, results: Iterable[Result]) -> Iterator[Finding]:
    """5: an answer that took no thought earns nothing."""
    for result in results:
        yield from _ungraded(5, result)
        for test in result.tests:
            if test.outcome is Outcome.PASSED and test.points:
                yield suite.finding(
                    5,
                    test.name,
                    f"`{test.name}` gives its points to a program that answers "
                    f"{_ANSWERED[result.trial.program.name]}",
                    "let it assert a value that takes the exercise's work as well",
                )


_ANSWERED: Final = {
    "zeros": "zeros",
    "ones": "ones",
    "nan": "NaN",
    "input": "with its input",
    "detached_copy": "with a copy of its input",
    "random": "random numbers",
}


def in_time(suite: Suite, times: Mapping[str, float], limit: float) -> Iterator[Finding]:
    """6: the suite keeps to its time, and no test takes more than half of it."""
    remedy = "use smaller sizes, or raise the exercise's `seconds` in `day.toml`"
    total = sum(times.values())
    if total > limit:
        yield suite.finding(6, "", f"the suite takes {total:.2f} s of {limit:g} s", remedy)
    for name, taken in times.items():
        if taken > _LARGEST_SHARE * limit:
            problem = f"`{name}` takes {taken:.2f} s, more than half of the suite's {limit:g} s"
            yield suite.finding(6, name, problem, remedy)


def seconds_of(results: Iterable[Result]) -> dict[str, float]:
    """The least time that each test took: what a busy machine adds is not the suite's."""
    times: dict[str, float] = {}
    for result in results:
        for test in result.tests:
            times[test.name] = min(times.get(test.name, test.timing.wall), test.timing.wall)
    return times


def _ungraded(gate: int, result: Result) -> Iterator[Finding]:
    """A program that no test has judged has proved nothing."""
    if result.problem is not None:
        program = result.trial.program
        yield Finding(
            gate=gate,
            file=program.file,
            line=program.line,
            problem=f"the {_called(result)} cannot be graded ({_short(result.problem)})",
            remedy="run the audit again, and report it if this repeats",
        )


def _broken(gate: int, suite: Suite, test: TestReport, whom: str) -> Finding:
    return suite.finding(
        gate,
        test.name,
        f"`{test.name}` itself breaks with {whom} ({_observed(test)})",
        "mend the test",
    )


def _observed(test: TestReport) -> str:
    return _short(test.observed[0] if test.observed else test.outcome)


def _short(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."
