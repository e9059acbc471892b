"""What a gradebook keeps, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from class_work import (
    CONFINEMENT,
    DAY,
    ENVIRONMENT,
    EXERCISE,
    a_report,
    an_attempt,
    record,
    sha,
)
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dlcourse.bulk.gradebook import Gradebook, GradedUnder, State, Student
from dlcourse.bulk.gradebook.schema import TABLES
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
STRANGE = ("a\0b", "half \udcff", "\\udcff", "=cmd()", "--help", "", "Łukasz 🎓", "../x")


def test_a_roster_is_kept(book: Gradebook) -> None:
    """Students come back sorted by key, with what the roster says of them."""
    bob = Student("bob")
    ada = Student("ada", "Ada Lovelace", "ada@example.org", "B2")
    book.add_students([bob, ada])
    assert book.students() == (ada, bob)


def test_a_roster_corrects_and_forgets_nothing(book: Gradebook) -> None:
    """A later roster changes what it says, and leaves what it does not say."""
    book.add_students([Student("ada", "Ada L.", "ada@example.org", "B2")])
    book.add_students([Student("ada", "Ada Lovelace", section="B3")])
    assert book.students() == (Student("ada", "Ada Lovelace", "ada@example.org", "B3"),)


def test_an_empty_roster_changes_nothing(book: Gradebook) -> None:
    """A roster without students is no error."""
    book.add_students([])
    assert book.students() == ()


@pytest.mark.parametrize("name", STRANGE, ids=ascii)
def test_a_name_of_any_kind_comes_back(book: Gradebook, name: str) -> None:
    """Names that no database takes as they are come back as they were, and stay apart."""
    book.add_students([Student(name, name), Student(f"{name}!")])
    attempt = an_attempt(book, name, origin=name)
    assert {student.key for student in book.students()} == {name, f"{name}!"}
    assert (attempt.student, attempt.origin) == (name, name)
    assert book.attempts(students=[name]) == (attempt,)


def test_an_attempt_holds_what_was_handed_in(book: Gradebook) -> None:
    """An attempt carries its student, place and time, in UTC."""
    local = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    before = datetime.now(UTC)
    attempt = an_attempt(book, submitted_at=local)
    assert (attempt.student, attempt.day, attempt.exercise) == ("ada", DAY, EXERCISE)
    assert (attempt.content, attempt.origin) == (sha("mine"), "ada/ppo_loss.py")
    assert attempt.submitted_at == NOON
    assert attempt.submitted_at.tzinfo is UTC
    assert before <= attempt.seen_at <= datetime.now(UTC)


def test_reading_a_class_again_adds_no_attempt(book: Gradebook) -> None:
    """The same content at the same time, or without a time from the same place, is the same."""
    timed = [an_attempt(book, submitted_at=NOON, origin=where) for where in ("a", "b", "a")]
    untimed = [an_attempt(book, origin=where) for where in ("c", "c")]
    assert (len(set(timed)), len(set(untimed))) == (1, 1)
    assert set(book.attempts()) == {timed[0], untimed[0]}


@pytest.mark.parametrize(
    "changed",
    [
        {"student": "bob"},
        {"exercise": "gae"},
        {"content": sha("other")},
        {"submitted_at": NOON + timedelta(microseconds=1)},
        {"submitted_at": None},
        {"submitted_at": None, "origin": "elsewhere"},
    ],
    ids=str,
)
def test_what_differs_is_another_attempt(book: Gradebook, changed: dict[str, object]) -> None:
    """Another student, exercise, content, time or, without a time, place makes another attempt."""
    fields: dict[str, Any] = {"student": "ada", "submitted_at": NOON, **changed}
    assert an_attempt(book, submitted_at=NOON).id != an_attempt(book, **fields).id


def test_a_place_is_no_time(book: Gradebook) -> None:
    """A file named like a time is not taken for what was handed in at that time."""
    timed = an_attempt(book, submitted_at=NOON)
    named = an_attempt(book, origin=NOON.isoformat(timespec="microseconds"))
    assert timed.id != named.id


def test_attempts_come_in_order_and_by_choice(book: Gradebook) -> None:
    """Attempts are sorted by student, day, exercise and time, and can be chosen."""
    late = an_attempt(book, submitted_at=NOON)
    early = an_attempt(book, submitted_at=NOON - timedelta(days=1))
    other = an_attempt(book, exercise="gae")
    bob = an_attempt(book, "bob")
    assert book.attempts() == (other, early, late, bob)
    assert book.attempts(exercises=["gae"]) == (other,)
    assert book.attempts(students=["bob", "eve"]) == (bob,)
    assert book.attempts(exercises=["gae"], students=["bob"]) == ()
    assert book.attempts(exercises=[]) == ()


def test_a_report_comes_back_equal(book: Gradebook) -> None:
    """Report and confinement are read back equal, with every field and any text."""
    record(book, an_attempt(book), 1)
    (result,) = book.results(*book.attempts())
    assert result.report == a_report(1)
    assert result.confinement == CONFINEMENT
    assert (result.earned, result.points, result.score) == (1, 4, 0.25)
    assert (result.state, result.key, result.collapsed) == (State.ACCEPTED, "key", False)


def test_a_result_keeps_what_it_was_graded_under(book: Gradebook) -> None:
    """Hashes, versions, device, seed and tier stand beside the report."""
    result = record(book, an_attempt(book))
    versions = a_report().versions
    assert result.under == GradedUnder(
        submission=versions.submission,
        suite=versions.suite,
        solution=versions.solution,
        dlcourse=ENVIRONMENT.dlcourse,
        python=ENVIRONMENT.python,
        torch=ENVIRONMENT.torch,
        platform=ENVIRONMENT.platform,
        device="cpu",
        seed=4_000_000_000,
        tier="confined",
    )


def test_a_grader_that_broke_down_is_marked(book: Gradebook) -> None:
    """A result whose grader broke down can be told without its report."""
    broken = book.record(
        an_attempt(book),
        a_report(0, 0, name="grading"),
        key="key",
        environment=ENVIRONMENT,
        confinement=CONFINEMENT,
        seed=1,
    )
    assert broken.collapsed
    assert broken.score is None


def test_the_newest_accepted_result_counts(book: Gradebook) -> None:
    """A later accepted result takes the place of an earlier one, which is kept."""
    attempt = an_attempt(book)
    assert book.latest(attempt) is None
    results = [record(book, attempt, earned) for earned in (1, 3, 2)]
    assert book.latest(attempt) == results[-1]
    assert book.results(attempt) == tuple(results)


def test_a_proposal_counts_when_it_is_accepted(book: Gradebook) -> None:
    """A proposed result waits, counts once accepted, and no longer when it is rejected."""
    attempt = an_attempt(book)
    first = record(book, attempt, 1)
    proposal = record(book, attempt, 3, proposed=True)
    assert list(book.proposed()) == [proposal]
    assert book.latest(attempt) == first
    book.accept(proposal, author="Ms Byron", reason="the suite was wrong")
    counts = book.latest(attempt)
    assert counts is not None
    assert (counts.id, counts.state) == (proposal.id, State.ACCEPTED)
    assert list(book.proposed()) == []
    book.reject(proposal, author="Ms Byron")
    assert book.latest(attempt) == first


def test_the_result_accepted_last_counts(book: Gradebook) -> None:
    """Whoever accepts a proposal means it, though a newer result was accepted meanwhile."""
    attempt = an_attempt(book)
    proposal = record(book, attempt, 3, proposed=True)
    record(book, attempt, 2)
    book.accept(proposal, author="Ms Byron")
    counts = book.latest(attempt)
    assert counts is not None
    assert counts.id == proposal.id


def test_every_decision_is_kept(book: Gradebook) -> None:
    """Who decided what and why can be read, and deciding the same twice says it once."""
    proposal = record(book, an_attempt(book), proposed=True)
    for _ in range(2):
        book.reject(proposal, author="Ms Byron", reason="a flake")
    book.accept(proposal, proposal, author="Mr Babbage")
    said = [(it.state, it.author, it.reason) for it in book.decisions(proposal)]
    assert said == [
        (State.PROPOSED, "", ""),
        (State.REJECTED, "Ms Byron", "a flake"),
        (State.ACCEPTED, "Mr Babbage", ""),
    ]


def test_decisions_are_made_for_all_or_none(
    book: Gradebook, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One result that this gradebook does not hold refuses the decision about all."""
    proposal = record(book, an_attempt(book), proposed=True)
    with Gradebook.open(tmp_path_factory.mktemp("other") / "b.db", create=True) as other:
        strangers = [record(other, an_attempt(other)) for _ in range(2)]
    with pytest.raises(UsageError) as caught:
        book.accept(proposal, *strangers, author="Ms Byron")
    assert str(caught.value) == ("`2` is no result of this gradebook: name one that is proposed.")
    assert [it.state for it in book.decisions(proposal)] == [State.PROPOSED]


def test_a_cache_key_finds_an_accepted_result(book: Gradebook) -> None:
    """Whoever hands in the same has the result of another; proposals and rejects do not count."""
    ada = record(book, an_attempt(book), 1, key="same")
    record(book, an_attempt(book, "bob"), 2, key="same", proposed=True)
    rejected = record(book, an_attempt(book, "eve"), 3, key="same")
    assert book.result_for("same") == rejected
    book.reject(rejected, author="Ms Byron")
    assert book.result_for("same") == ada
    assert book.result_for("other") is None


def test_a_class_is_read_in_pieces(book: Gradebook) -> None:
    """Attempts come with the result that counts, while the gradebook is written in between."""
    total = 450
    for number in range(total):
        attempt = an_attempt(book, f"s{number:03}")
        if number % 3 == 0:
            record(book, attempt, 1)
            record(book, attempt, 2)
    seen = []
    for attempt, result in book.counting():
        seen.append((attempt.student, result.earned if result else None))
        if len(seen) == 1:
            an_attempt(book, "zoe")
    assert seen == [(f"s{n:03}", None if n % 3 else 2) for n in range(total)]


def test_an_adjustment_says_who_and_why(book: Gradebook) -> None:
    """Adjustments of exercises and days are kept apart from results, oldest first."""
    an_attempt(book)
    points = book.adjust(
        student="ada", exercise=EXERCISE, points=-0.5, author="Ms Byron", reason="copied a plot"
    )
    score = book.adjust(student="ada", day=DAY, score=1.2, author="Mr Babbage", reason="a talk")
    assert (points.points, points.score, points.exercise, points.day) == (
        -0.5,
        None,
        EXERCISE,
        None,
    )
    assert (score.points, score.score, score.exercise, score.day) == (None, 1.2, None, DAY)
    assert (points.student, points.author, points.reason) == ("ada", "Ms Byron", "copied a plot")
    assert book.adjustments() == book.adjustments("ada") == (points, score)
    assert book.adjustments("bob") == ()


def test_an_adjustment_is_withdrawn_and_not_forgotten(book: Gradebook) -> None:
    """A withdrawn adjustment no longer counts, and says who withdrew it first and why."""
    an_attempt(book)
    change = book.adjust(student="ada", exercise=EXERCISE, points=1, author="a", reason="b")
    book.withdraw(change.id, author="Ms Byron", reason="the wrong student")
    book.withdraw(change.id, author="Mr Babbage", reason="again")
    assert book.adjustments() == ()
    (kept,) = book.adjustments(withdrawn=True)
    assert kept.withdrawn is not None
    assert (kept.withdrawn.author, kept.withdrawn.reason) == ("Ms Byron", "the wrong student")


def test_the_newest_extension_counts(book: Gradebook) -> None:
    """Of several extensions for a student and a day the newest counts."""
    an_attempt(book)
    an_attempt(book, "bob")
    for student, days in (("ada", 1), ("ada", 7), ("ada", 3), ("bob", 2)):
        until = NOON + timedelta(days=days)
        book.extend(student=student, day=DAY, until=until, author="Ms Byron", reason="ill")
    found = {key: extension.until for key, extension in book.extensions().items()}
    assert found == {
        ("ada", DAY): NOON + timedelta(days=3),
        ("bob", DAY): NOON + timedelta(days=2),
    }


def test_a_run_is_noted(book: Gradebook) -> None:
    """A run has its number and arguments, and an end only if it came to one."""
    cut = book.begin_run(4_294_967_295, {"submissions": "class/", "exercises": ["all"]})
    whole = book.begin_run(7, {})
    ended = book.finish_run(whole)
    assert book.finish_run(whole) == ended
    assert book.runs() == (cut, ended)
    assert (cut.number, cut.finished_at) == (4_294_967_295, None)
    assert cut.arguments == {"submissions": "class/", "exercises": ["all"]}
    assert ended.finished_at is not None
    assert ended.started_at <= ended.finished_at


@pytest.mark.parametrize("deed", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"])
def test_the_database_refuses_to_change_a_row(full: Gradebook, deed: str) -> None:
    """No table lets a row be changed or deleted, whoever asks."""
    for name, table in TABLES.tables.items():
        statement = deed.format(table=name, column=next(iter(table.columns)).name)
        with (
            pytest.raises(DBAPIError, match="a gradebook keeps its rows"),
            full._connection.begin(),
        ):
            full._connection.execute(text(statement))


@pytest.fixture
def full(book: Gradebook) -> Gradebook:
    """A gradebook with a row in every table."""
    record(book, an_attempt(book))
    change = book.adjust(student="ada", exercise=EXERCISE, points=1, author="a", reason="b")
    book.withdraw(change.id, author="a", reason="b")
    book.extend(student="ada", day=DAY, until=NOON, author="a", reason="b")
    book.finish_run(book.begin_run(1, {}))
    return book


def test_what_was_added_is_there_when_it_is_opened_again(full: Gradebook, place: str) -> None:
    """A second opening reads all that the first one added, while that is still open."""
    with Gradebook.open(place) as again:
        assert again.students() == full.students()
        assert list(again.counting()) == list(full.counting())
        assert again.adjustments(withdrawn=True) == full.adjustments(withdrawn=True)
        assert (again.extensions(), again.runs()) == (full.extensions(), full.runs())


ADJUSTED: dict[str, Any] = {
    "student": "ada",
    "exercise": EXERCISE,
    "points": 1.0,
    "author": "a",
    "reason": "b",
}
EXTENDED: dict[str, Any] = {
    "student": "ada",
    "day": DAY,
    "until": NOON,
    "author": "a",
    "reason": "b",
}
BLANK = "the {} of a change is blank: say it, so that others can follow."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda book: book.adjust(**ADJUSTED | {"author": " "}), BLANK.format("author")),
        (lambda book: book.adjust(**ADJUSTED | {"reason": ""}), BLANK.format("reason")),
        (lambda book: book.withdraw(1, author="a", reason="\n"), BLANK.format("reason")),
        (lambda book: book.extend(**EXTENDED | {"reason": ""}), BLANK.format("reason")),
        (lambda book: book.accept(author=""), BLANK.format("author")),
        (
            lambda book: book.adjust(**ADJUSTED | {"day": DAY}),
            "an adjustment names either an exercise or a day: name one of the two.",
        ),
        (
            lambda book: book.adjust(**ADJUSTED | {"exercise": None}),
            "an adjustment names either an exercise or a day: name one of the two.",
        ),
        (
            lambda book: book.adjust(**ADJUSTED | {"score": 1.0}),
            "an adjustment either adds points or sets a score: give one of the two.",
        ),
        (
            lambda book: book.adjust(**ADJUSTED | {"points": float("nan")}),
            "`nan` are no points: give a number such as `2` or `-0.5`.",
        ),
        (
            lambda book: book.adjust(**ADJUSTED | {"points": None, "score": -0.1}),
            "`-0.1` is no score: give a share such as `0.8`; 1 is everything.",
        ),
        (
            lambda book: book.extend(**EXTENDED | {"until": datetime(2026, 11, 30, 12)}),  # noqa: DTZ001 - the error
            "`2026-11-30T12:00:00` has no time zone: write it like `2026-11-30T23:59:00+01:00`.",
        ),
        (
            lambda book: book.withdraw(5, author="a", reason="b"),
            "`5` is no adjustment of this gradebook: name one that is.",
        ),
    ],
)
def test_a_change_that_says_too_little_is_refused(
    tmp_path: Path, change: Callable[[Gradebook], object], message: str
) -> None:
    """A change by hand needs an author, a reason and one meaning; else nothing is changed."""
    with Gradebook.open(tmp_path / "gradebook.db", create=True) as book:
        an_attempt(book)
        with pytest.raises(UsageError) as caught:
            change(book)
        assert str(caught.value) == message
        assert (book.adjustments(), book.extensions()) == ((), {})


@pytest.mark.parametrize(
    ("key", "offer"), [("aad", "did you mean `ada`?"), ("zz", "grade that student first.")]
)
def test_a_student_who_is_not_there_is_named(book: Gradebook, key: str, offer: str) -> None:
    """A change for somebody unknown is refused, with the name that was meant if one is near."""
    an_attempt(book)
    with pytest.raises(UsageError) as caught:
        book.adjust(student=key, exercise=EXERCISE, points=1, author="a", reason="b")
    assert str(caught.value) == f"`{key}` is no student in `{book.shown}`: {offer}"


def test_a_gradebook_belongs_to_one_thread(book: Gradebook) -> None:
    """Another thread that uses it is a mistake of the program, and is told so."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(AssertionError, match="one thread"):
        pool.submit(book.students).result()
