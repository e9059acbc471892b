"""The course of this repository, and what loading it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from course_folders import small_course

import dlcourse.course
from dlcourse.course import find_course, load_course, load_mistakes

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]


def test_the_shipped_course_loads() -> None:
    """The course of this repository has no defect, and every mistake fits its solution."""
    course = load_course(ROOT)
    assert {day.number: len(day.exercises) for day in course.days} == {3: 8, 15: 7, 24: 8, 26: 6}
    for exercise in course.exercises:
        assert len(exercise.variants) >= 1
        assert len(load_mistakes(exercise)) >= 3


def test_the_shipped_course_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of every course, the one to work on is the shipped one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLCOURSE_COURSE", raising=False)
    assert load_course(find_course(None)).title == load_course(ROOT).title


def test_the_public_names_are_sorted_and_exist() -> None:
    """`__all__` is sorted, and each of its names can be imported."""
    names = dlcourse.course.__all__
    assert all(hasattr(dlcourse.course, name) for name in names)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_loading_a_course_imports_nothing_heavy(tmp_path: Path) -> None:
    """Neither torch, numpy nor pytest is imported to load a course."""
    script = (
        "import sys; from pathlib import Path; from dlcourse.course import load_course\n"
        f"load_course(Path({str(small_course(tmp_path).root)!r}))\n"
        "print({'torch', 'numpy', 'pytest'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.stdout == "set()\n", run.stderr
