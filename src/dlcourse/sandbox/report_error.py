"""What the worker says of an exception that graded code raised."""

from __future__ import annotations

import builtins
import traceback
from collections.abc import Collection
from types import CodeType
from typing import Any, Final

_MAX_MESSAGE: Final = 4000
_MAX_FRAMES: Final = 12


def describe_error(
    error: BaseException, files: Collection[str], entry: CodeType | None
) -> dict[str, Any]:
    """Describe `error` for the wire, with frames of `files` alone.

    Where no frame is the learner's, as when the call itself did not fit the signature, the place
    is the first line of `entry`, the code that was to be called.
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in files
    ]
    lines = traceback.format_list(frames[-_MAX_FRAMES:])
    place: tuple[str, int] | None = None
    if isinstance(error, SyntaxError) and error.filename in files:
        lines += traceback.format_exception_only(error)[:-1]
        place = (str(error.filename), error.lineno or 1)
    elif frames:
        place = (frames[-1].filename, frames[-1].lineno or 1)
    elif entry is not None and entry.co_filename in files:
        place = (entry.co_filename, entry.co_firstlineno)
    return {
        "type": type(error).__name__,
        "ancestry": [
            kind.__name__
            for kind in type(error).__mro__
            if getattr(builtins, kind.__name__, None) is kind
        ],
        "message": _message(error),
        "traceback": "".join(lines),
        "file": place[0] if place else None,
        "line": place[1] if place else None,
    }


def _message(error: BaseException) -> str:
    """The exception's text; for a SyntaxError without the place, which stands apart."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception as second:  # noqa: BLE001 - graded code's own __str__ may raise anything
        text = f"(its message could not be read: {type(second).__name__})"
    return str(text)[:_MAX_MESSAGE]
