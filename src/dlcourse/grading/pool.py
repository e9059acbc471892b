"""Grader processes side by side, each with a folder of its own to hand programs in."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar

from dlcourse.grading.client import GraderProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dlcourse.course import Exercise
    from dlcourse.grading.job import GraderSettings

Item = TypeVar("Item")
Result = TypeVar("Result")

# How many items wait for each grader: none has to wait for the next one to be made.
_AHEAD: Final = 2


class Desk:
    """Where one thread hands programs in, to a grader of its own."""

    def __init__(self, settings: GraderSettings, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self.grader = GraderProcess()
        self.grader.configure(settings)

    @contextmanager
    def handed_in(self, exercise: Exercise, sources: Mapping[str, bytes]) -> Iterator[Path]:
        """Lay out an exercise's files, given by module name, as a submission's folder.

        The folder is gone at the end of the `with`.
        """
        workdir = self._folder / str(next(self._numbers))
        folder = workdir / exercise.day
        folder.mkdir(parents=True)
        try:
            for name, content in sources.items():
                (folder / f"{name}.py").write_bytes(content)
            yield workdir
        finally:
            shutil.rmtree(workdir, ignore_errors=True)


class GraderPool:
    """Runs work at `jobs` desks at once.

    `folder` holds what is handed in, and is gone with the pool.
    """

    def __init__(self, settings: GraderSettings, jobs: int) -> None:
        self._settings = settings
        self._jobs = jobs
        self._executor = ThreadPoolExecutor(jobs)
        self.folder = Path(tempfile.mkdtemp(prefix="dlcourse-"))
        self._own = threading.local()
        self._desks: list[Desk] = []

    def in_order(
        self, work: Callable[[Desk, Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """Do the work on every item; yields the results in the items' order."""
        yield from self._executor.map(partial(self._at_desk, work), items)

    def as_done(
        self, work: Callable[[Desk, Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """Do the work on every item; yields each result as soon as it is there.

        Items are taken from their iterator, in this thread, only as graders come free, so that
        no more than a few are in memory at once.
        """
        waiting: set[Future[Result]] = set()
        for item in items:
            waiting.add(self._executor.submit(self._at_desk, work, item))
            if len(waiting) >= _AHEAD * self._jobs:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in as_completed(waiting))

    def _at_desk(self, work: Callable[[Desk, Item], Result], item: Item) -> Result:
        """Do the work at this thread's desk."""
        desk = getattr(self._own, "desk", None)
        if not isinstance(desk, Desk):
            desk = self._own.desk = Desk(self._settings, Path(tempfile.mkdtemp(dir=self.folder)))
            self._desks.append(desk)
        return work(desk, item)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Killed at once where the work was broken off: what they would still say counts no more.
        self._executor.shutdown(wait=False, cancel_futures=True)
        for desk in self._desks:
            desk.grader.kill()
        self._executor.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)
