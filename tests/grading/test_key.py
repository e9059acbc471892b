"""What decides a report, as one hash."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dlcourse.grading.key import Setting, content_digest, exercise_digest, report_key

if TYPE_CHECKING:
    from classroom import Classroom

SETTING = Setting(run=1, secret="5eed", tier="sandboxed")


def test_equal_parts_give_equal_keys() -> None:
    """The same digests give the same key, and each of them changes it."""
    keys = [report_key(*parts) for parts in (("a", "b", "c"), ("d", "b", "c"))]
    keys += [report_key("a", "d", "c"), report_key("a", "b", "d")]
    assert report_key("a", "b", "c") == keys[0]
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"run": 2},
        {"secret": "5eee"},
        {"tier": "confined"},
        {"device": "cuda"},
        {"isolation": "test"},
    ],
)
def test_setting_counts(change: dict[str, object]) -> None:
    """Run, secret, confinement, device and isolation each change the digest."""
    assert replace(SETTING, **change).digest() != SETTING.digest()  # type: ignore[arg-type] # by name


def test_content_counts_with_its_name() -> None:
    """Other files, other names, and text moved from one file to another are other contents."""
    contents = [{}, {"f": b""}, {"f": b"x"}, {"g": b"x"}, {"f": b"x", "g": b""}, {"fg": b"x"}]
    assert len({content_digest(one) for one in contents}) == len(contents)


def test_order_of_files_does_not_count() -> None:
    """The same files in another order are the same content."""
    assert content_digest({"f": b"1", "g": b"2"}) == content_digest({"g": b"2", "f": b"1"})


@pytest.mark.parametrize("file", ["suite", "solution", "mistakes_file", "signatures_file"])
def test_files_of_the_exercise_count(classroom: Classroom, file: str) -> None:
    """A changed suite, solution, mistake or signature makes another digest."""
    exercise = classroom.exercise()
    before = exercise_digest(exercise)
    getattr(exercise, file).write_text("# changed\n")
    assert exercise_digest(exercise) != before


def test_what_no_report_shows_does_not_count(classroom: Classroom) -> None:
    """Hints, weights and minutes may change, and reports stay valid; forbidden calls may not."""
    exercise = classroom.exercise()
    same = exercise.model_copy(update={"weight": 3.0, "minutes": 5, "hints": ("a", "b", "c")})
    assert exercise_digest(same) == exercise_digest(exercise)
    other = exercise.model_copy(update={"forbidden": ("torch.add",)})
    assert exercise_digest(other) != exercise_digest(exercise)
