"""What `dlcourse gradebook` does, once its options are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.bulk.gradebook import Gradebook
from dlcourse.bulk.grades import grades
from dlcourse.bulk.policy import Policy, read_policy
from dlcourse.cli.output import open_output
from dlcourse.course import find_course, load_course
from dlcourse.errors import UsageError
from dlcourse.reports.class_grades import write_grades
from dlcourse.reports.page import Line, Page, Span
from dlcourse.reports.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from dlcourse.course import Course, Exercise


def show_grades(
    names: Sequence[str], gradebook: str, course: Path | None, policy: Path | None, *, why: bool
) -> None:
    """Write the grades of a class.

    Raises:
        UsageError: the gradebook is not there, nobody handed anything in, or the policy is wrong.
    """
    found = load_course(find_course(course))
    days = [day.folder for day in found.days]
    rules = Policy() if policy is None else read_policy(policy, days)
    with Gradebook.open(gradebook) as book:
        exercises = _chosen(found, names, book)
        write_grades(Page(open_output()), list(grades(book, rules, exercises)), why=why)


def decide(gradebook: str, author: str, *, accept: bool) -> None:
    """Accept or reject all proposed results, all or none."""
    with Gradebook.open(gradebook) as book:
        proposed = list(book.proposed())
        (book.accept if accept else book.reject)(*proposed, author=author)
    done = "count from now on" if accept else "are dropped"
    _say(f"{counted(len(proposed), 'proposed result')}: they {done}.")


def adjust(
    student: str,
    name: str,
    points: float | None,
    score: float | None,
    author: str,
    reason: str,
    gradebook: str,
    course: Path | None,
) -> None:
    """Change a grade by hand.

    Raises:
        UsageError: student, exercise or day are unknown, or it is not clear what is changed.
    """
    exercise, day = _target(load_course(find_course(course)), name)
    with Gradebook.open(gradebook) as book:
        change = book.adjust(
            student=student,
            exercise=exercise,
            day=day,
            points=points,
            score=score,
            author=author,
            reason=reason,
        )
    _say(
        f"Noted as adjustment {change.id}: `dlcourse gradebook withdraw {change.id} --author NAME"
        " --reason TEXT` undoes it."
    )


def withdraw(gradebook: str, number: int, author: str, reason: str) -> None:
    """Take an adjustment back."""
    with Gradebook.open(gradebook) as book:
        change = book.withdraw(number, author=author, reason=reason)
    _say(f"Adjustment {change.id} of `{change.student}` counts no more.")


def extend(
    course: Path | None,
    gradebook: str,
    *,
    student: str,
    day: str,
    until: datetime,
    author: str,
    reason: str,
) -> None:
    """Give a student a later due time for a day.

    Raises:
        UsageError: student or day are unknown.
    """
    exercise, folder = _target(load_course(find_course(course)), day)
    if folder is None:
        raise UsageError(f"`{exercise}` is an exercise: name its day, which has the due time.")
    with Gradebook.open(gradebook) as book:
        book.extend(student=student, day=folder, until=until, author=author, reason=reason)
    _say(f"`{student}` has until {until.isoformat()} for {folder}.")


def _target(course: Course, name: str) -> tuple[str | None, str | None]:
    """The exercise or the day's folder that a typed name stands for; the other one is None."""
    found = course.resolve(name)
    day = {exercise.day for exercise in found}
    if len(found) == 1 and found[0].name == name.rpartition("/")[2]:
        return found[0].name, None
    if len(day) > 1:
        raise UsageError(f"`{name}` is more than a day: name one day or one exercise.")
    return None, day.pop()


def _chosen(course: Course, names: Sequence[str], book: Gradebook) -> tuple[Exercise, ...]:
    """The exercises that were named, or all that somebody handed in."""
    if names:
        return course.resolve_all(names)
    handed_in = {attempt.exercise for attempt in book.attempts()}
    exercises = tuple(one for one in course.exercises if one.name in handed_in)
    if not exercises:
        raise UsageError(
            f"`{book.shown}` holds nothing of this course: type `dlcourse grade SUBMISSIONS --day"
            " NAME` first."
        )
    return exercises


def _say(sentence: str) -> None:
    Page(open_output()).write(Line((Span(sentence),)))
