"""What stands beneath a test that did not pass: why, where, and what graded code printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dlcourse.grading.report import Outcome
from dlcourse.reports.escape import excerpt
from dlcourse.reports.page import Line, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.grading.report import Location, Misconception, Raised, TestReport

_INDENT: Final = 6
_MAX_OBSERVED: Final = 12
_MAX_MESSAGE: Final = 8
_MAX_TRACEBACK: Final = 24
_MAX_OUTPUT: Final = 20


def feedback(test: TestReport, *, margin: str) -> tuple[Line, ...]:
    """Return the lines beneath `test`; none if it passed. `margin` marks what was printed."""
    if test.outcome is Outcome.PASSED:
        return ()
    explained = likely(test.misconception, _INDENT) if test.misconception else ()
    return (*explained, *_seen(test), *_printed(test.output, margin))


def without_hint(test: TestReport) -> TestReport:
    """Return `test` with its misconception named only, for one that was explained before."""
    if test.misconception is None:
        return test
    named = test.misconception.model_copy(update={"hint": "", "anchor": None})
    return test.model_copy(update={"misconception": named})


def likely(misconception: Misconception, indent: int) -> Iterator[Line]:
    """Yield the lines that explain a misconception, and where to read about it."""
    yield Line((Span(misconception.text),), indent, Span("Likely: ", "bold yellow"))
    if misconception.hint:
        yield Line((Span(misconception.hint),), indent, Span("Hint:   ", "yellow"))
    if misconception.anchor:
        page, mark, section = misconception.anchor.partition("#")
        yield Line((Span(page, "cyan"),), indent, Span("Read:   ", "yellow"))
        if section:
            yield Line((Span(mark + section, "cyan"),), indent, Span("        "))


def _seen(test: TestReport) -> Iterator[Line]:
    for sentence in test.observed[:_MAX_OBSERVED]:
        yield Line((Span(sentence),), _INDENT)
    if len(test.observed) > _MAX_OBSERVED:
        yield _dim(f"[{len(test.observed) - _MAX_OBSERVED:,} more observations]")
    if test.raised is not None:
        yield from _exception(test.raised, told=_is_told(test.raised, test.observed))
    if test.location is not None and not _is_shown(test.location, test):
        yield _dim(f"at {test.location.file}:{test.location.line}")


def _exception(raised: Raised, *, told: bool) -> Iterator[Line]:
    """The exception's own words, less its first line where a sentence has told it."""
    message = excerpt(raised.message, lines=_MAX_MESSAGE)
    name = f"{raised.type}: " if raised.message.strip() else raised.type
    if not told:
        yield Line((Span(name, "bold"), Span(message[0])), _INDENT)
    for line in message[1:]:
        yield Line((Span(line),), _INDENT + 2)
    if raised.traceback.strip():
        for line in excerpt(raised.traceback, lines=_MAX_TRACEBACK):
            code = line.lstrip(" ")
            lead = Span(" " * (len(line) - len(code)))
            yield Line((Span(code, "dim"),), _INDENT, lead)


def _is_told(raised: Raised, observed: tuple[str, ...]) -> bool:
    """Whether a sentence holds the exception's type and the first line of its message."""
    first = next(iter(raised.message.splitlines()), "")
    return any(raised.type in sentence and first in sentence for sentence in observed)


def _is_shown(location: Location, test: TestReport) -> bool:
    """Whether a sentence or a frame of the traceback names the place already."""
    sentence = f"`{location.file}`, line {location.line})"
    frame = rf'"{re.escape(location.file)}", line {location.line}\b'
    return any(sentence in told for told in test.observed) or (
        test.raised is not None and re.search(frame, test.raised.traceback) is not None
    )


def _printed(output: str, margin: str) -> Iterator[Line]:
    if output.strip():
        yield _dim("printed:")
        for line in excerpt(output, lines=_MAX_OUTPUT):
            yield Line((Span(line),), _INDENT, Span(f"{margin} ", "dim"))


def _dim(text: str) -> Line:
    return Line((Span(text, "dim"),), _INDENT)
