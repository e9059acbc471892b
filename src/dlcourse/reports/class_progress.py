"""How far the grading of a class is: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.text import Text

from dlcourse.bulk.run import Step
from dlcourse.bulk.tally import Tally
from dlcourse.reports.page import Line, Page, Span
from dlcourse.reports.wording import counted, duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from rich.console import Console

    from dlcourse.course import Exercise
    from dlcourse.grading.report import Confinement, ExerciseReport

_EVERY: Final = 10.0  # seconds between two plain lines
_BAR: Final = 20
_WARM_UP: Final = 3  # results after which a rate says something


class ClassProgress:
    """Hears of each exercise of each submission, and says how far it is.

    The rate counts what was graded; what the gradebook had takes no time.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.tally = Tally()
        self._page = Page(console)
        self._clock = clock
        self._total = 0
        self._start = self._told = clock()
        self._live = Live(console=console, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def begun(self, total: int, confinement: Confinement) -> None:
        """Grading begins; so many exercises of submissions are ahead."""
        self._total = total
        self._start = self._told = self._clock()
        held = f"grading {counted(total, 'file')}, graded code is {_HELD[confinement.tier]}"
        self._page.write(Line((Span(held, "dim"),)))

    def done(
        self, step: Step, student: str, exercise: Exercise, report: ExerciseReport | None
    ) -> None:
        """One is done."""
        self.tally.add(step, student, exercise, report)
        if self._live is not None:
            self._live.update(Text(self._line()))
        elif self._clock() - self._told >= _EVERY:
            self._told = self._clock()
            self._page.write(Line((Span(self._line()),)))

    def _line(self) -> str:
        done, graded = self.tally.done, self.tally.steps[Step.GRADED]
        parts = [f"{done:,} of {self._total:,}"]
        if graded >= _WARM_UP:
            rate = graded / max(self._clock() - self._start, 1e-9)
            parts += [f"{rate:.1f} a second", f"{duration((self._total - done) / rate)} left"]
        parts.append(f"{self.tally.lossy:,} lost points")
        if self.tally.broken:
            parts.append(f"{self.tally.broken:,} broken")
        bar = ""
        if self._live is not None:
            filled, unfilled = self._page.glyphs.bar(done / max(self._total, 1), _BAR)
            bar = f"{filled}{unfilled}  "
        return bar + ", ".join(parts)


_HELD: Final = {
    "none": "not held at all",
    "confined": "confined",
    "sandboxed": "sandboxed",
}
