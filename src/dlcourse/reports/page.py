"""Lines on a console: escaped, wrapped under themselves, and never interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.text import Text

from dlcourse.reports.escape import defuse, escape_line
from dlcourse.reports.glyphs import glyphs_for

if TYPE_CHECKING:
    from rich.console import Console

# A longer line is tiring to read, and would take the points too far from their sentence.
_MAX_WIDTH: Final = 100
# With less than this beside them, the numbers at the right go beneath the words.
_MIN_BESIDE: Final = 30
_MIN_ROOM: Final = 12
_GAP: Final = 2


class Span(NamedTuple):
    """A piece of a line as it came, unescaped, with a rich style."""

    text: str
    style: str = ""


class Line(NamedTuple):
    """A line to write: `lead` stands before the first row of `spans`, blanks before the others."""

    spans: tuple[Span, ...]
    indent: int = 0
    lead: Span = Span("")


class Page:
    """What a report is written on; the one place through which text reaches the console.

    `glyphs` are the characters that the console's encoding can draw; `coloured` says whether
    colours are seen: where they are not, words must carry all meaning.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.glyphs = glyphs_for(console.encoding)
        self.coloured = console.color_system is not None and not console.no_color
        self._at_gap = True

    @property
    def width(self) -> int:
        """The columns that a line may take."""
        return min(self._console.width, _MAX_WIDTH)

    def blank(self) -> None:
        """Leave one line empty, unless one is already."""
        if not self._at_gap:
            self._console.print()
        self._at_gap = True

    def write(self, line: Line) -> None:
        """Write `line`, wrapped at words, with long words broken."""
        lead = self._text(line.lead)
        room = self.width - line.indent - lead.cell_len
        self._emit_all(line.indent, lead, self._rows(line, room))

    def write_whole(self, line: Line) -> None:
        """Write `line` in one piece, however long: a command that is to be pasted."""
        self._emit(line.indent, self._joined((line.lead, *line.spans)))

    def write_row(self, line: Line, tail: tuple[Span, ...]) -> None:
        """Write `line` with `tail` at the right margin of its last row, or beneath if narrow."""
        lead, right = self._text(line.lead), self._joined(tail)
        room = self.width - line.indent - lead.cell_len - right.cell_len - _GAP
        if room < _MIN_BESIDE:
            self.write(line)
            self._emit(line.indent + lead.cell_len, _stripped(right))
            return
        rows = self._rows(line, room)
        rows[-1].pad_right(room + _GAP - rows[-1].cell_len)
        rows[-1].append_text(right)
        self._emit_all(line.indent, lead, rows)

    def _rows(self, line: Line, room: int) -> list[Text]:
        whole = self._joined(line.spans)
        return list(whole.wrap(self._console, max(room, _MIN_ROOM), overflow="fold"))

    def _joined(self, spans: tuple[Span, ...]) -> Text:
        return Text().join(self._text(span) for span in spans)

    def _text(self, span: Span) -> Text:
        """The one way from a string to the console: escaped, and drawable in its encoding."""
        encoding = self._console.encoding
        drawable = escape_line(span.text).encode(encoding, "backslashreplace").decode(encoding)
        return Text(drawable, span.style)

    def _emit_all(self, indent: int, lead: Text, rows: list[Text]) -> None:
        for row in rows:
            self._emit(indent, Text().append_text(lead).append_text(row))
            lead = Text(" " * lead.cell_len)

    def _emit(self, indent: int, row: Text) -> None:
        line = Text(" " * indent).append_text(row)
        line.rstrip()
        safe = defuse(line.plain)
        self._at_gap = False
        self._console.print(line if safe == line.plain else Text(safe), soft_wrap=True)


def _stripped(text: Text) -> Text:
    blanks = len(text.plain) - len(text.plain.lstrip())
    return text[blanks:]
