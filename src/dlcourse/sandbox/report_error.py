"""What the worker says of an exception that graded code raised."""

from __future__ import annotations

import builtins
import traceback
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import CodeType

_MAX_MESSAGE: Final = 4000
_MAX_FRAMES: Final = 12

_Place = tuple[str, int]


def describe_error(
    error: BaseException, files: Collection[str], entry: CodeType | None
) -> dict[str, Any]:
    """Describe `error` for the wire, with frames of `files` alone.

    Where no frame is the learner's, as when the call itself did not fit the signature, the place
    is the first line of `entry`, the code that was to be called.
    """
    frames = _frames(error, files)
    lines = traceback.format_list(frames)
    if isinstance(error, SyntaxError) and error.filename in files:
        lines += traceback.format_exception_only(error)[:-1]
    file, line = _place(error, frames, files, entry) or (None, None)
    return {
        "type": type(error).__name__,
        "ancestry": _ancestry(type(error)),
        "message": _message(error),
        "traceback": "".join(lines),
        "file": file,
        "line": line,
    }


def _frames(error: BaseException, files: Collection[str]) -> traceback.StackSummary:
    """The innermost frames that lie in `files`."""
    # Chosen before their lines are looked up: there may be as many as the recursion was deep.
    own = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename in files
    ]
    return traceback.StackSummary.extract(iter(own[-_MAX_FRAMES:]))


def _place(
    error: BaseException,
    frames: traceback.StackSummary,
    files: Collection[str],
    entry: CodeType | None,
) -> _Place | None:
    if isinstance(error, SyntaxError) and error.filename in files:
        return str(error.filename), error.lineno or 1
    if frames:
        return frames[-1].filename, frames[-1].lineno or 1
    if entry is not None and entry.co_filename in files:
        return entry.co_filename, entry.co_firstlineno
    return None


def _ancestry(kind: type[BaseException]) -> list[str]:
    """The builtin types among the bases, nearest first."""
    return [
        base.__name__ for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base
    ]


def _message(error: BaseException) -> str:
    """The exception's text; for a SyntaxError without the place, which stands apart."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except BaseException as second:  # noqa: BLE001 - graded code's own __str__ may raise anything
        text = f"(its message could not be read: {type(second).__name__})"
    return str(text)[:_MAX_MESSAGE]
