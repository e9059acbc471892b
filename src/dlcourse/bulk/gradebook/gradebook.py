"""The gradebook of a class: every attempt, result and change, none of them ever lost."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from dlcourse.bulk.gradebook import attempts, changes, results, runs, students
from dlcourse.bulk.gradebook.address import address_of
from dlcourse.bulk.gradebook.engine import BEGIN, connect
from dlcourse.bulk.gradebook.faults import told
from dlcourse.bulk.gradebook.records import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from dlcourse.bulk.gradebook.records import (
        Adjustment,
        Attempt,
        Decision,
        Extension,
        Result,
        Run,
        Student,
    )
    from dlcourse.grading.report import Confinement, Environment, ExerciseReport

PATIENCE: Final = 30.0
_AT_ONCE: Final = 200  # results that are in memory at a time
_Item = TypeVar("_Item")


class Gradebook:
    """A gradebook that is open, to be used from the thread that opened it.

    What a method adds is committed when it returns. Any method raises UsageError, CourseError or
    UnavailableError when the database refuses (see `faults`); then it has added nothing.
    """

    def __init__(self, connection: Connection, shown: str) -> None:
        self.shown: Final = shown
        self._connection = connection
        self._thread = threading.get_ident()

    @classmethod
    def open(
        cls, place: str | Path, *, create: bool = False, patience: float = PATIENCE
    ) -> Gradebook:
        """Open the gradebook in a file (`gradebook.db`, `sqlite:///…`) or at `postgresql://…`.

        With `create`, one is made where there is none. `patience` is how many seconds to wait
        while another process writes.

        Raises:
            UsageError: `place` is no address, or no gradebook stands there, or it may not be used.
            CourseError: the gradebook is damaged or was made by a newer program, or the disk is
                full.
            UnavailableError: no server answers, another process keeps writing, or psycopg is not
                installed.
        """
        address = address_of(place)
        with told(address.shown):
            connection = connect(address, create=create, patience=patience)
        return cls(connection, address.shown)

    def close(self) -> None:
        """Let go of the database; nothing is waiting to be written."""
        with told(self.shown):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_students(self, roster: Iterable[Student]) -> None:
        """Add students, or correct names, email addresses and sections of those that are there.

        What the roster leaves open (None) is kept as it was.
        """
        with self._writing() as connection:
            students.add(connection, roster)

    def students(self) -> tuple[Student, ...]:
        """Return all students, sorted by key."""
        with self._reading() as connection:
            return students.every(connection)

    def add_attempt(
        self,
        *,
        student: str,
        day: str,
        exercise: str,
        content: str,
        submitted_at: datetime | None,
        origin: str,
    ) -> Attempt:
        """Add what a student handed in, or return the attempt that is the same.

        The same means: of the same student (by key), exercise and content (SHA-256), and handed in
        at the same time; where no time is known, from the same `origin`. A student who is not
        there yet is added by key.
        """
        with self._writing() as connection:
            return attempts.add(
                connection,
                student=student,
                day=day,
                exercise=exercise,
                content=content,
                submitted_at=submitted_at,
                origin=origin,
            )

    def attempts(
        self,
        exercises: Collection[str] | None = None,
        students: Collection[str] | None = None,
    ) -> tuple[Attempt, ...]:
        """Return attempts by student, day, exercise and time; None stands for all."""
        with self._reading() as connection:
            return attempts.find(connection, exercises, students)

    def result_for(self, key: str) -> Result | None:
        """Return the newest accepted result with this cache key, of whatever attempt."""
        with self._reading() as connection:
            return results.accepted(connection, key)

    def record(
        self,
        attempt: Attempt,
        report: ExerciseReport,
        *,
        key: str,
        environment: Environment,
        confinement: Confinement,
        seed: int,
        proposed: bool = False,
    ) -> Result:
        """Keep one grading of an attempt: accepted, or proposed for a person to decide.

        `seed` is the number of the run.
        """
        state = State.PROPOSED if proposed else State.ACCEPTED
        with self._writing() as connection:
            return results.add(
                connection,
                attempt.id,
                report,
                key=key,
                environment=environment,
                confinement=confinement,
                seed=seed,
                state=state,
            )

    def latest(self, attempt: Attempt) -> Result | None:
        """Return the result that counts for an attempt: the one accepted last, if any."""
        with self._reading() as connection:
            return results.counting(connection, [attempt.id]).get(attempt.id)

    def results(self, attempt: Attempt) -> tuple[Result, ...]:
        """Return all results of an attempt in whatever state, the oldest first."""
        with self._reading() as connection:
            return results.of_attempt(connection, attempt.id)

    def counting(
        self,
        exercises: Collection[str] | None = None,
        students: Collection[str] | None = None,
    ) -> Iterator[tuple[Attempt, Result | None]]:
        """Yield attempts as `attempts` does, each with the result that counts for it.

        Few results are in memory at a time, and the gradebook may be written in between.
        """
        for some in _batches(self.attempts(exercises, students)):
            with self._reading() as connection:
                found = results.counting(connection, [attempt.id for attempt in some])
            yield from ((attempt, found.get(attempt.id)) for attempt in some)

    def proposed(self) -> Iterator[Result]:
        """Yield the results that wait for a decision, the oldest first."""
        with self._reading() as connection:
            rows = results.proposed(connection)
        for some in _batches(rows):
            with self._reading() as connection:
                found = results.some(connection, some)
            yield from found

    def accept(self, *chosen: Result, author: str, reason: str = "") -> None:
        """Make results count, all or none; of one attempt, the one accepted last counts."""
        self._decide(chosen, State.ACCEPTED, author, reason)

    def reject(self, *chosen: Result, author: str, reason: str = "") -> None:
        """Let results not count, all or none; what was accepted before them counts again."""
        self._decide(chosen, State.REJECTED, author, reason)

    def decisions(self, result: Result) -> tuple[Decision, ...]:
        """Return what was decided about a result, the oldest first."""
        with self._reading() as connection:
            return results.decisions(connection, result.id)

    def adjust(
        self,
        *,
        student: str,
        exercise: str | None = None,
        day: str | None = None,
        points: float | None = None,
        score: float | None = None,
        author: str,
        reason: str,
    ) -> Adjustment:
        """Change a score by hand: of an exercise or of a whole day.

        Either add `points` of the exercise or day (negative to take away), or set the `score`, a
        share of 1.

        Raises:
            UsageError: the student is unknown, author or reason is blank, or it is not clear what
                is changed and how.
        """
        changes.require_said(author=author, reason=reason)
        changes.require_change(exercise, day, points, score)
        with self._writing() as connection:
            return changes.add_adjustment(
                connection,
                students.known_id(connection, student, self.shown),
                exercise=exercise,
                day=day,
                points=points,
                score=score,
                author=author,
                reason=reason,
            )

    def withdraw(self, adjustment: int, *, author: str, reason: str) -> Adjustment:
        """Take an adjustment back by its number; the first withdrawal stays.

        Raises:
            UsageError: there is no such adjustment, or author or reason is blank.
        """
        changes.require_said(author=author, reason=reason)
        with self._writing() as connection:
            return changes.withdraw(connection, adjustment, author=author, reason=reason)

    def adjustments(
        self, student: str | None = None, *, withdrawn: bool = False
    ) -> tuple[Adjustment, ...]:
        """Return the adjustments in force, the oldest first; on demand also withdrawn ones."""
        with self._reading() as connection:
            known = changes.adjustments(connection, student)
        return tuple(change for change in known if withdrawn or change.withdrawn is None)

    def extend(
        self, *, student: str, day: str, until: datetime, author: str, reason: str
    ) -> Extension:
        """Give a student a later due time for one day.

        Raises:
            UsageError: the student is unknown, `until` has no time zone, or author or reason is
                blank.
        """
        changes.require_said(author=author, reason=reason)
        changes.require_moment(until)
        with self._writing() as connection:
            row = students.known_id(connection, student, self.shown)
            return changes.add_extension(
                connection, row, day=day, until=until, author=author, reason=reason
            )

    def extensions(self) -> dict[tuple[str, str], Extension]:
        """Return the extensions that count, by student and day."""
        with self._reading() as connection:
            return changes.extensions(connection)

    def begin_run(self, number: int, arguments: Mapping[str, Any]) -> Run:
        """Note that grading begins, with the run's number (its seed) and what was asked for."""
        with self._writing() as connection:
            return runs.begin(connection, number, arguments)

    def finish_run(self, run: Run) -> Run:
        """Note that a run came to its end."""
        with self._writing() as connection:
            return runs.finish(connection, run.id)

    def runs(self) -> tuple[Run, ...]:
        """Return all runs, the oldest first."""
        with self._reading() as connection:
            return runs.every(connection)

    def _decide(self, chosen: Sequence[Result], state: State, author: str, reason: str) -> None:
        changes.require_said(author=author)
        with self._writing() as connection:
            for some in _batches(chosen):
                rows = [result.id for result in some]
                results.change(connection, rows, state, author=author, reason=reason)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        # Who reads first and writes later may find that another process wrote in between.
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, beginning: str) -> Iterator[Connection]:
        assert threading.get_ident() == self._thread, "a gradebook is used from one thread"
        connection = self._connection.execution_options(**{BEGIN: beginning})
        with told(self.shown), connection.begin():
            yield connection


def _batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
