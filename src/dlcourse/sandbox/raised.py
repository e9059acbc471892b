"""Reads what an answer tells of an exception that graded code raised, trusting none of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from dlcourse.sandbox.faults import MissingName, Place, StudentError, error_for
from dlcourse.sandbox.tensors import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_TYPE: Final = 200
_MAX_MESSAGE: Final = 4000
_MAX_TRACEBACK: Final = 16_000
_MAX_ANCESTRY: Final = 32
_LINES: Final = 1 << 31
_FILE: Final = re.compile(r"[\w.]{1,200}")  # a module of the submission, in no folder
# Only once the number is complete: faulthandler writes piece by piece.
_FRAME: Final = re.compile(r'File "([\w.]{1,200})", line (\d{1,9}) in')


def read_raised(header: Mapping[str, Any]) -> StudentError:
    """Return the exception to raise in place of the one that `header` describes.

    Raises Malformed where a field is not what an honest worker sends.
    """
    ancestry = header.get("ancestry")
    if type(ancestry) is not list or any(type(name) is not str for name in ancestry):
        raise Malformed("the ancestry of an exception")
    return error_for(
        ancestry[:_MAX_ANCESTRY],
        bounded_text(header.get("type"), _MAX_TYPE),
        bounded_text(header.get("message"), _MAX_MESSAGE),
        bounded_text(header.get("traceback"), _MAX_TRACEBACK),
        read_place(header.get("file"), header.get("line")),
    )


def read_missing(header: Mapping[str, Any]) -> MissingName:
    """Return the exception for a name that an object of graded code lacks; raises Malformed."""
    kind, name = (bounded_text(header.get(field), _MAX_TYPE) for field in ("class", "name"))
    file = header.get("file")
    if type(file) is not str or not _FILE.fullmatch(file):
        raise Malformed("the name of a file")
    return MissingName(f"`{kind}` in `{file}` has no `{name}`: define it as the stub does")


def bounded_text(value: Any, limit: int) -> str:
    """Return at most `limit` characters of a text that can be printed; raises Malformed."""
    if type(value) is not str:
        raise Malformed("not a string")
    return value[:limit].encode("utf-8", "replace").decode("utf-8")


def read_place(file: Any, line: Any) -> Place | None:
    """Return a line of graded code, or None where none is named; raises Malformed."""
    if file is None:
        return None
    if type(file) is not str or not _FILE.fullmatch(file):
        raise Malformed("the name of a file")
    if type(line) is not int or not 0 <= line < _LINES:
        raise Malformed("the number of a line")
    return Place(file, line)


def place_in_dump(dump: str) -> Place | None:
    """The innermost line of the submission in a stack dump that faulthandler wrote."""
    frame = _FRAME.search(dump.rpartition("Current thread")[2])
    return Place(frame[1], int(frame[2])) if frame else None
