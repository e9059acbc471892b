"""Which exercises continuous integration audits, and when it finds the lock stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from small_course import COURSE, course_with

from dlcourse.audit.digest import digest_of
from dlcourse.audit.lock import Lock, Locked, read_lock, stale, write_lock
from dlcourse.audit.model import Figures
from dlcourse.audit.sample import in_turn
from dlcourse.course import Course, load_course

if TYPE_CHECKING:
    from pathlib import Path

NAMES = tuple(f"part{letter}" for letter in "abcdefghij")


def course_of_ten(folder: Path) -> Course:
    """A course of ten exercises."""
    return load_course(course_with(folder, dict.fromkeys(NAMES, ())))


def locked(course: Course, cost: float = 10.0) -> Lock:
    """A lock that fits the course, with what each audit costs."""
    return Lock(
        exercises={
            one.name: Locked(
                digest=digest_of(one), dlcourse="1", torch="2", figures=Figures(cost=cost)
            )
            for one in course.exercises
        }
    )


def names_of(course: Course, lock: Lock, turn: int, budget: float) -> list[str]:
    """What is audited in one turn."""
    return [one.name for one in in_turn(course.exercises, lock, turn, budget)]


def test_sample_fits_the_budget(tmp_path: Path) -> None:
    """As many exercises are audited as the seconds of the lock say will fit."""
    course = course_of_ten(tmp_path)
    assert len(names_of(course, locked(course), 0, 30.0)) == 3


def test_all_have_their_turn(tmp_path: Path) -> None:
    """Turn after turn every exercise is audited, those of one turn following the last one's."""
    course = course_of_ten(tmp_path)
    turns = [names_of(course, locked(course), turn, 30.0) for turn in range(4)]
    assert {name for turn in turns for name in turn} == set(NAMES)
    assert turns[0] != turns[1]


def test_changed_exercises_come_first(tmp_path: Path) -> None:
    """What differs from the lock is audited before the rest has its turn."""
    course = course_of_ten(tmp_path)
    lock = locked(course)
    suite = course.exercises[7].suite
    suite.write_text(suite.read_text() + "\n# changed\n")
    assert names_of(course, lock, 0, 30.0)[0] == NAMES[7]


def test_275_exercises_fit_into_five_minutes(tmp_path: Path) -> None:
    """With 25 s each, 240 s hold ten exercises of a course of any size."""
    course = course_with(tmp_path, {f"part{number}": () for number in range(275)})
    loaded = load_course(course)
    chosen = names_of(loaded, locked(loaded, 25.0), 3, 240.0)
    assert len(chosen) == 10


def test_changed_file_makes_the_lock_stale(tmp_path: Path) -> None:
    """A changed solution, suite, mistake, variant or hint is named, with what to type."""
    course = course_of_ten(tmp_path)
    lock = locked(course)
    assert not list(stale(course, lock))
    for place, path in enumerate(
        (
            course.exercises[0].solution,
            course.exercises[1].suite,
            course.exercises[2].mistakes_file,
            course.exercises[3].variants[0],
            course.exercises[4].stub,
        )
    ):
        path.write_text(path.read_text() + "\n# changed\n")
        found = [one.problem for one in stale(course, lock)]
        assert found[place] == f"`{NAMES[place]}` has changed since it was audited"
    (first, *_) = stale(course, lock)
    assert first.remedy == "type `dlcourse audit parta` and commit `audit.lock`"


def test_new_and_vanished_exercises_make_the_lock_stale(tmp_path: Path) -> None:
    """An exercise that the lock does not know, and one that the course does not, are named."""
    course = course_of_ten(tmp_path)
    entries = dict(locked(course).exercises)
    entries["gone"] = entries.pop("partc")
    found = [one.problem for one in stale(course, Lock(exercises=entries))]
    assert found == ["`partc` has not been audited", "`gone` is no exercise any more"]


def test_lock_is_read_back(tmp_path: Path) -> None:
    """A lock that was written is the one that is read."""
    course = course_of_ten(tmp_path)
    write_lock(tmp_path, locked(course))
    assert read_lock(tmp_path) == locked(course)


def test_course_without_a_lock_has_an_empty_one() -> None:
    """Where there is no lock, nothing has been audited."""
    assert read_lock(COURSE) == Lock()
