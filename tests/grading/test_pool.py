"""Graders side by side."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from classroom import KEY

from dlcourse.grading.job import GraderSettings
from dlcourse.grading.pool import GraderPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from classroom import Classroom

    from dlcourse.grading.pool import Desk


def pool(jobs: int = 2) -> GraderPool:
    """A pool of graders with nothing to hide."""
    return GraderPool(GraderSettings(hidden=(), secret=KEY), jobs)


def test_results_keep_the_order_of_the_items() -> None:
    """In order, a slow item holds back the results behind it."""
    ready = threading.Event()

    def work(_: Desk, item: int) -> int:
        if item:
            ready.set()
        else:
            assert ready.wait(30), "the second item begins while the first is not done"
        return item

    with pool() as graders:
        assert list(graders.in_order(work, range(4))) == [0, 1, 2, 3]


def test_results_come_as_they_are_done() -> None:
    """As done, a slow item holds nobody back."""
    ready = threading.Event()

    def work(_: Desk, item: int) -> int:
        if not item:
            assert ready.wait(30), "the others are handed out first"
        return item

    found = []
    with pool() as graders:
        for item in graders.as_done(work, range(5)):
            found.append(item)
            if len(found) == 4:
                ready.set()
    assert found[-1] == 0
    assert sorted(found) == [0, 1, 2, 3, 4]


def test_items_are_made_as_they_are_needed() -> None:
    """However long the list, only a few items are made before their turn."""
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    ahead = []
    with pool() as graders:
        for done, _ in enumerate(graders.as_done(lambda _, item: item, items()), 1):
            ahead.append(len(made) - done)
    assert len(made) == 50
    assert max(ahead) <= 4


def test_files_are_laid_out_and_cleared_away(classroom: Classroom) -> None:
    """A desk lays a submission out where the grader looks, and leaves nothing of it."""
    exercise = classroom.exercise()

    def work(desk: Desk, content: bytes) -> tuple[bytes, bool]:
        with desk.handed_in(exercise, {exercise.name: content, "helper": b"y"}) as workdir:
            found = (workdir / exercise.day / f"{exercise.name}.py").read_bytes()
        return found, workdir.exists()

    with pool() as graders:
        folder = graders.folder
        assert list(graders.in_order(work, [b"a", b"b"])) == [(b"a", False), (b"b", False)]
    assert not folder.exists()


def test_graders_end_with_the_pool() -> None:
    """Where the work is broken off, no grader process is left."""
    pids: list[int] = []

    def work(desk: Desk, item: int) -> int:
        pids.append(desk.grader.pid)
        if item:
            raise ValueError("enough")
        return item

    with pytest.raises(ValueError, match="enough"), pool() as graders:
        list(graders.as_done(work, [0, 1]))
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
