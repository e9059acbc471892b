"""What a class's grading came to, counted as it goes on, in the same memory for any class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dlcourse.grading.report import Outcome

if TYPE_CHECKING:
    from dlcourse.bulk.run import Step
    from dlcourse.course import Exercise
    from dlcourse.grading.report import ExerciseReport

_MOST_REFUSED: Final = 1000


@dataclass
class ExerciseTally:
    """One exercise over a class: how often it was judged, and what that gave.

    `scores` is the sum of the scores from 0 to 1, `full` how many got everything, `unread` how
    many files were refused, and `broken` how often the grader itself was at fault.
    """

    judged: int = 0
    scores: float = 0.0
    full: int = 0
    unread: int = 0
    broken: int = 0

    @property
    def mean(self) -> float | None:
        """The mean score, from 0 to 1; None where nothing was judged."""
        return self.scores / self.judged if self.judged else None

    def add(self, report: ExerciseReport) -> None:
        """Count one report."""
        self.broken += any(test.outcome is Outcome.BROKEN for test in report.tests)
        self.unread += _is_unread(report)
        if report.score is not None:
            self.judged += 1
            self.scores += report.score
            self.full += report.score == 1


@dataclass
class Tally:
    """Counts steps, and what became of each exercise.

    `refused` holds, in order, students with a sentence on what of theirs could not be read.
    """

    steps: Counter[Step] = field(default_factory=Counter)
    exercises: dict[str, ExerciseTally] = field(default_factory=dict)
    refused: dict[tuple[str, str], None] = field(default_factory=dict)

    def add(
        self, step: Step, student: str, exercise: Exercise, report: ExerciseReport | None
    ) -> None:
        """Count one exercise of one submission."""
        self.steps[step] += 1
        tally = self.exercises.setdefault(exercise.name, ExerciseTally())
        if report is None:
            return
        tally.add(report)
        if _is_unread(report) and report.problem and len(self.refused) < _MOST_REFUSED:
            self.refused[student, report.problem] = None

    @property
    def done(self) -> int:
        """How many exercises of submissions are done, in whatever way."""
        return self.steps.total()

    @property
    def lossy(self) -> int:
        """How many of them lost points."""
        return sum(one.judged - one.full for one in self.exercises.values())

    @property
    def broken(self) -> int:
        """How many of them the grader itself was broken over."""
        return sum(one.broken for one in self.exercises.values())


def _is_unread(report: ExerciseReport) -> bool:
    """Whether the files could not be read, or were refused."""
    return report.versions.submission is None
