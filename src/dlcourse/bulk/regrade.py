"""What new results would change: per student and test, before anybody accepts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dlcourse.bulk.gradebook import Attempt, Gradebook, Result
    from dlcourse.grading.report import ExerciseReport, Outcome


@dataclass(frozen=True)
class TestChange:
    """How a test ended before and how it would end now; None where it did not or would not exist.

    A test's points may change without its outcome.
    """

    # pytest would otherwise try to collect a class of this name.
    __test__ = False

    test: str
    before: Outcome | None
    after: Outcome | None


@dataclass(frozen=True)
class Change:
    """A proposed result beside the one that counts."""

    attempt: Attempt
    counting: Result | None
    proposed: Result
    tests: tuple[TestChange, ...]

    @property
    def before(self) -> float | None:
        """The score that counts now, from 0 to 1."""
        return None if self.counting is None else self.counting.score

    @property
    def after(self) -> float | None:
        """The score that would count, from 0 to 1."""
        return self.proposed.score

    @property
    def is_felt(self) -> bool:
        """Whether the student would notice: another score, or a test that ends in another way."""
        return self.before != self.after or bool(self.tests)


def changes(book: Gradebook) -> Iterator[Change]:
    """Yield what each proposed result would change, the oldest proposal first."""
    attempts: Mapping[int, Attempt] = {attempt.id: attempt for attempt in book.attempts()}
    for proposed in book.proposed():
        attempt = attempts[proposed.attempt]
        counting = book.latest(attempt)
        before = None if counting is None else counting.report
        yield Change(attempt, counting, proposed, tuple(_tests(before, proposed.report)))


def _tests(before: ExerciseReport | None, after: ExerciseReport) -> Iterator[TestChange]:
    """The tests that end in another way, in the order of the suites: new ones where they stand."""
    old = {test.name: test.outcome for test in before.tests} if before else {}
    new = {test.name: test.outcome for test in after.tests}
    for name in dict.fromkeys([*new, *old]):
        if old.get(name) != new.get(name):
            yield TestChange(name, old.get(name), new.get(name))
