r"""Text that graded code had a hand in, made safe to show.

Whatever could move the cursor, reorder or hide text, or command a CI runner is shown as Python's
own escape (`\x1b`, `\u202e`) instead of being obeyed.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category

# Accents are stacked over a letter in twos; towers of them would paint over the lines above.
_MAX_COMBINING: Final = 3

# Code points that are drawn as nothing although `str.isprintable` accepts them: Unicode's
# Default_Ignorable_Code_Point, less those that Python already counts as not printable.
_INVISIBLE: Final = frozenset(
    map(
        chr,
        (
            0x034F,
            *range(0x115F, 0x1161),
            *range(0x17B4, 0x17B6),
            *range(0x180B, 0x1810),
            0x3164,
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ),
    )
)
# They only choose how the character before them is drawn: as an emoji or as text.
_PRESENTATION: Final = re.compile("[\ufe0e\ufe0f]")

# GitHub obeys `::` after any blanks at the start of a line, and `##[` anywhere in one; Azure and
# TeamCity obey `##vso[` and `##teamcity[`.
_COMMAND: Final = re.compile(r"^(\s*)(::)|(##\w*)(\[)")


def escape(text: str) -> str:
    """Return `text` with all that is not plainly visible written out, but for newline and tab.

    A carriage return counts as a new line, so that no line can overwrite another.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _PRESENTATION.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    shown: list[str] = []
    combining = 0
    for character in text:
        combining = combining + 1 if category(character) in {"Mn", "Me"} else 0
        plain = _is_visible(character) and combining <= _MAX_COMBINING
        shown.append(character if plain else _written_out(character))
    return "".join(shown)


def escape_line(text: str, limit: int = 1000) -> str:
    """Return `text` escaped, on one line, cut after `limit` characters with the cut named."""
    kept = escape(text[:limit]).replace("\n", "\\n").expandtabs(4)
    left_out = len(text) - limit
    return f"{kept} [{left_out:,} more characters]" if left_out > 0 else kept


def excerpt(text: str, *, lines: int, columns: int = 240) -> tuple[str, ...]:
    """Return the first and the last of the lines of `text`, escaped, with a line for the rest.

    At most `lines` lines of `text` are kept, each cut after `columns` characters.
    """
    every = escape(text).strip("\n").split("\n")
    if len(every) > lines:
        tail = lines // 2
        left_out = f"[{len(every) - lines:,} more lines]"
        every = [*every[: lines - tail], left_out, *every[len(every) - tail :]]
    return tuple(escape_line(line.rstrip(), columns) for line in every)


def defuse(line: str) -> str:
    r"""Return `line` so that no CI runner takes it for a command: `::set-env` becomes `\::set-env`.

    `line` is what will be printed, after all wrapping: any break could bring `::` to the front.
    """
    return _COMMAND.sub(lambda found: f"{found[1] or found[3] or ''}\\{found[2] or found[4]}", line)


def _is_visible(character: str) -> bool:
    return character in "\n\t" or (character.isprintable() and character not in _INVISIBLE)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
