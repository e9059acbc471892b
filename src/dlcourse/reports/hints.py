"""A hint on a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dlcourse.grading.report import Misconception
from dlcourse.reports.feedback import likely
from dlcourse.reports.page import Line, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.course import Exercise
    from dlcourse.course.hints import Hint
    from dlcourse.reports.page import Page

_INDENT: Final = 2
_COMMAND: Final = re.compile(r"(`(?:dlcourse|--)[^`]*`)")


def write_hint(page: Page, exercise: Exercise, hint: Hint) -> None:
    """Write one hint, and what to type next."""
    page.write(Line((Span(exercise.name, "bold"), Span(f"  {exercise.title}"))))
    page.blank()
    for line in _lines(hint):
        page.write(line) if line.spans else page.blank()
    page.blank()
    for sentence in _next(exercise, hint):
        write_sentence(page, sentence)


def write_sentence(page: Page, sentence: str) -> None:
    """Write a sentence with the commands in it marked."""
    parts = _COMMAND.split(sentence)
    spans = (Span(part, "cyan" if number % 2 else "") for number, part in enumerate(parts))
    page.write(Line(tuple(spans)))


def _lines(hint: Hint) -> Iterator[Line]:
    if hint.mistake is not None:
        mistake = hint.mistake
        yield from likely(
            Misconception(
                id=mistake.id,
                text=mistake.misconception,
                hint=mistake.hint,
                anchor=mistake.theory,
            ),
            _INDENT,
        )
        return
    for number, paragraph in enumerate(hint.text.split("\n\n")):
        if number:
            yield Line(())
        yield from _paragraph(paragraph)


def _paragraph(text: str) -> Iterator[Line]:
    """Words are wrapped anew; indented lines, which are code, stay as they are."""
    rows = text.strip("\n").splitlines()
    if any(row.startswith("    ") for row in rows):
        for row in rows:
            code = row.lstrip(" ")
            yield Line((Span(code),), _INDENT, Span(" " * (len(row) - len(code))))
    else:
        yield Line((Span(" ".join(row.strip() for row in rows)),), _INDENT)


def _next(exercise: Exercise, hint: Hint) -> Iterator[str]:
    """What this was, and what to type next: a command on a line of its own can be copied."""
    last = len(exercise.hints)
    if hint.mistake is not None:
        yield "Your last check looks like this mistake."
    elif hint.number < last:
        yield f"Hint {hint.number} of {last}."
    else:
        yield f"Hint {last} of {last}: there are no more."
    yield f"Try it:    `dlcourse check {exercise.name}`"
    if hint.mistake is not None or hint.number < last:
        yield f"One more:  `dlcourse hint {exercise.name}`"
