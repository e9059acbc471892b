"""Which planted mistake graded code makes, if its results look like one's.

The signatures narrow the mistakes down. Then those that are left are put in the learner's place,
in a worker of their own and with the same seeds: who makes the same mistake sees the same wrong
answers.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dlcourse.course.mistakes import planted
from dlcourse.errors import CourseError
from dlcourse.grading.selection import means, select
from dlcourse.grading.signatures import Seen, candidates, certain, read_signatures
from dlcourse.sandbox.remote import Sources
from dlcourse.testing.plugin import name_of, requirements_of
from dlcourse.testing.run import ExerciseRun
from dlcourse.testing.sketch import alike

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dlcourse.grading.job import Job
    from dlcourse.grading.report import Misconception
    from dlcourse.grading.signatures import Candidate
    from dlcourse.testing.run import Setting
    from dlcourse.testing.verdict import Outcome

# The tests that tell most are the mistake's own and the first lost ones; more would take long.
_REPLAYED: Final = 6
_LEAST_SHARE: Final = 0.5


def diagnose(job: Job, setting: Setting, outcomes: Sequence[Outcome]) -> Misconception | None:
    """Return the misconception that the lost tests of a submission speak of, if one fits.

    Damaged files of mistakes give none: they are the author's, whom the audit tells of them, and
    no reason to withhold a learner's result.
    """
    try:
        return _diagnosed(job, setting, outcomes)
    except CourseError:
        return None


def _diagnosed(job: Job, setting: Setting, outcomes: Sequence[Outcome]) -> Misconception | None:
    lost = {outcome.name: outcome for outcome in outcomes if outcome.lost}
    if not lost or not job.signatures:
        return None
    signatures = read_signatures(Path(job.signatures))
    if signatures is None:
        return None
    seen = {name: _seen(outcome) for name, outcome in lost.items()}
    found = candidates(signatures, seen)
    if not found:
        return None
    programs = _programs(job, {one.signature.misconception.id for one in found})
    if not programs:
        sure = certain(found)
        return sure.signature.misconception if sure else None
    return _likeliest(found, programs, setting, lost)


def _seen(outcome: Outcome) -> Seen:
    return Seen(outcome.verdict.ending, outcome.verdict.observed)


def _programs(job: Job, names: set[str]) -> Mapping[str, str]:
    """Some planted mistakes as programs, by name; none where they are not at hand."""
    if not job.mistakes or not Path(job.mistakes).is_file():
        return {}
    solution = Path(job.solution).read_text(encoding="utf-8")
    chosen = [mistake for mistake in planted(Path(job.mistakes)) if mistake.id in names]
    return {mistake.id: mistake.apply(solution) for mistake in chosen}


def _likeliest(
    found: list[Candidate],
    programs: Mapping[str, str],
    setting: Setting,
    lost: Mapping[str, Outcome],
) -> Misconception | None:
    """The candidate whose own wrong answers are the learner's in most tests."""
    alike_tests = []
    for candidate in found:
        program = programs.get(candidate.signature.misconception.id)
        if program is not None:
            count = _alike_tests(candidate, program, setting, lost)
            alike_tests.append((count, candidate.fit, candidate))
    if not alike_tests:
        return None
    count, _, best = max(alike_tests, key=lambda one: one[:2])
    return best.signature.misconception if count else None


def _alike_tests(
    candidate: Candidate, program: str, setting: Setting, lost: Mapping[str, Outcome]
) -> int:
    """How many tests a mistake loses as the learner did; 0 where that does not speak for it.

    It does where it explains half of what the learner lost, or where the learner sees all that
    the mistake brings about: then there may be other mistakes besides.
    """
    own = [name for name in lost if means(candidate.signature.test, name)]
    theirs = _replayed(own, program, setting)
    same = {name for name in own if name in theirs and _same(theirs[name], lost[name])}
    if not same:
        return 0
    others = [name for name in lost if name not in own][: max(0, _REPLAYED - len(own))]
    theirs |= _replayed(others, program, setting)
    same = {name for name, one in theirs.items() if _same(one, lost[name])}
    due = (name for name, trace in candidate.signature.lost.items() if trace.always)
    whole = same == set(theirs) and all(name in lost for name in due)
    explains = whole or len(same) >= _LEAST_SHARE * len([*own, *others])
    return len(same) if explains else 0


def _replayed(names: Sequence[str], program: str, setting: Setting) -> dict[str, Outcome]:
    """Which of some tests a program loses, and how, with the learner's seeds."""
    if not names:
        return {}
    requirements = {name_of(item): requirements_of(item) for item in setting.items}
    needed = select(names, requirements)
    files = {**setting.sources.files, setting.sources.main: program}
    there = replace(
        setting,
        items=[item for item in setting.items if name_of(item) in needed],
        sources=Sources(setting.sources.main, files),
    )
    outcomes = ExerciseRun(there).outcomes()
    return {one.name: one for one in outcomes if one.lost and one.name in names}


def _same(left: Outcome, right: Outcome) -> bool:
    """Whether two programs lost a test alike, line numbers apart."""
    mine, theirs = left.verdict, right.verdict
    if mine.ending != theirs.ending or not alike(mine.sketch, theirs.sketch):
        return False
    if mine.raised is not None and theirs.raised is not None:
        return mine.raised.type_name == theirs.raised.type_name
    return mine.observed == theirs.observed
