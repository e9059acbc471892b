r"""Names that others chose: shown so that they can do nothing, compared as people compare them."""

from __future__ import annotations

import os
import re
from typing import Final
from unicodedata import category, combining, normalize

_LONGEST: Final = 120
# Accents are stacked over a letter in twos; towers of them would paint over the lines above.
_MAX_COMBINING: Final = 3
# Drawn as nothing although `str.isprintable` accepts them: fillers and variation selectors.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]"
)

# Left behind by operating systems, editors and tools; nobody's work.
_JUNK: Final = frozenset(
    {
        "__macosx",
        "__pycache__",
        ".ds_store",
        ".git",
        ".hg",
        ".idea",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        ".vscode",
        "desktop.ini",
        "node_modules",
        "site-packages",
        "thumbs.db",
        "venv",
    }
)


def shown_name(name: str | os.PathLike[str]) -> str:
    r"""Return a name or path on one line with all that is not plainly visible written out.

    Control characters, terminal escapes and marks that reorder text become Python's own escapes
    (`\x1b`, `\u202e`), undecodable bytes `\x80`, and a backtick `\x60`, since messages put names
    in backticks. At most 120 characters are shown.
    """
    text = os.fspath(name)
    shown: list[str] = []
    stacked = 0
    for character in text[:_LONGEST]:
        stacked = stacked + 1 if category(character) in {"Mn", "Me"} else 0
        plain = _is_visible(character) and stacked <= _MAX_COMBINING
        shown.append(character if plain else _written_out(character))
    return "".join(shown) + ("…" if len(text) > _LONGEST else "")


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is left behind by a tool rather than handed in."""
    return name.casefold() in _JUNK or name.startswith("._")


def folded(name: str) -> str:
    """Return the form in which two names are one on a machine that ignores case and composition."""
    return normalize("NFC", normalize("NFC", name).casefold())


def words(name: str) -> list[str]:
    """Return the words of a person's name without accents, case and punctuation."""
    plain = "".join(part for part in normalize("NFKD", name) if not combining(part))
    return re.findall(r"[^\W_]+", plain.casefold())


def _is_visible(character: str) -> bool:
    return character.isprintable() and character != "`" and not _INVISIBLE.match(character)


def _written_out(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is no UTF-8, as Python's file names hold it
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character == "`":
        return "\\x60"
    return character.encode("unicode_escape").decode("ascii")
