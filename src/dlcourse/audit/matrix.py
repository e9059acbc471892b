"""An audit as one HTML page: which test catches which mistake. It loads nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from dlcourse.audit.table import GATES
from dlcourse.grading.selection import means

if TYPE_CHECKING:
    from jinja2 import Template

    from dlcourse.audit.model import AuditReport, ExerciseAudit

_WORDS: Final = {
    "x": "lost",
    "e": "lost by an error",
    "~": "lost in some runs",
    ".": "passed",
}
_SIGNS: Final = {"x": "●", "e": "▲", "~": "◐", ".": "·"}


@dataclass(frozen=True)
class Cell:
    """How a mistake fares on a test; `mapped` where the mistake is mapped to it."""

    sign: str
    words: str
    kind: str
    mapped: bool


def to_html(report: AuditReport) -> str:
    """Return the page."""
    return _template().render(report=report, rows=_rows, idle=_idle_tests, gates=GATES)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("dlcourse.audit"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("matrix.html.jinja")


def _rows(audit: ExerciseAudit) -> list[tuple[str, list[Cell]]]:
    """The mistakes of an exercise with a cell for each test."""
    return [
        (
            mistake,
            [
                _cell(mark, mapped=means(audit.mapped[mistake], test))
                for mark, test in zip(marks, audit.tests, strict=True)
            ],
        )
        for mistake, marks in audit.matrix.items()
    ]


def _cell(mark: str, *, mapped: bool) -> Cell:
    kinds = {"x": "lost", "e": "lost", "~": "some", ".": "passed"}
    return Cell(_SIGNS[mark], _WORDS[mark], kinds[mark], mapped)


def _idle_tests(audit: ExerciseAudit) -> list[str]:
    """The tests that no planted mistake loses."""
    return [
        test
        for place, test in enumerate(audit.tests)
        if all(marks[place] == "." for marks in audit.matrix.values())
    ]
