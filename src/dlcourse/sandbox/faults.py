"""What graded code can be to blame for.

    StudentFault                     graded code is to blame, whatever the suite was doing
    ├── StudentError                 it raised; `error_for` adds the builtin type it raised
    ├── StudentTimeout               it ran out of CPU time, or slept through the wall clock
    ├── StudentCrash                 its process ended before answering
    ├── StudentProtocol              its process sent what no honest worker sends
    ├── MissingName                  it does not define what the exercise asks for
    └── WrongAnswer                  it answered with a value of the wrong kind

`WrongAnswer` makes a test *failed*, each of the others makes it an *error*. The message is the
sentence that the learner reads.

Only what graded code raised is an `Exception`: a suite that expects any exception, or catches all,
takes nothing else for one.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Final, Literal


class StudentFault(BaseException):
    """Graded code is to blame."""


@dataclass(frozen=True)
class Place:
    """A line of graded code; `file` is relative to the submission."""

    file: str
    line: int


class StudentError(StudentFault, Exception):
    """Graded code raised.

    `type_name` and `message` are the exception's own, `traceback` holds the learner's frames
    alone, and `place` is the innermost of them.
    """

    def __init__(
        self, type_name: str, message: str, traceback: str = "", place: Place | None = None
    ) -> None:
        self._sentence = f"{type_name}: {message}" if message else type_name
        super().__init__(self._sentence)
        self.type_name = type_name
        self.message = message
        self.traceback = traceback
        self.place = place

    def __str__(self) -> str:
        # A KeyError, for one, would show the repr of its argument.
        return self._sentence


class StudentTimeout(StudentFault):
    """Graded code ran out of time: `clock` says which one, `starved` whether it had a chance."""

    def __init__(
        self,
        sentence: str,
        *,
        clock: Literal["cpu", "wall"],
        starved: bool = False,
        place: Place | None = None,
    ) -> None:
        super().__init__(sentence)
        self.clock = clock
        self.starved = starved
        self.place = place


class StudentCrash(StudentFault):
    """The worker's process ended before answering."""

    def __init__(self, sentence: str, place: Place | None = None) -> None:
        super().__init__(sentence)
        self.place = place


class StudentProtocol(StudentFault):
    """The worker sent a frame that no honest worker sends."""


class MissingName(StudentFault):
    """The submission does not define a name, or not as a function."""


class WrongAnswer(StudentFault):
    """Graded code answered with a value of the wrong kind, or one that cannot cross."""


def unsendable(kind: str) -> WrongAnswer:
    """Return the exception to raise for an answer that holds what cannot cross."""
    return WrongAnswer(
        f"the answer holds {kind}: return tensors, numbers, strings or containers of them"
    )


# `pytest.raises(ValueError)` in a suite must see the type that graded code raised. Only plain
# exceptions are mirrored: an exit, a skip or an interrupt of graded code stays a StudentError.
_MIRRORED: Final = tuple(
    builtin
    for builtin in vars(builtins).values()
    if isinstance(builtin, type)
    and issubclass(builtin, Exception)
    and not issubclass(builtin, (Warning, ExceptionGroup, UnicodeError, StopIteration))
    and builtin not in {Exception, StopAsyncIteration}
)


def _mirror(builtin: type[Exception]) -> type[StudentError]:
    """A subclass of both StudentError and the builtin; StudentError where layouts conflict."""
    try:
        return type(f"Student{builtin.__name__}", (StudentError, builtin), {})
    except TypeError:
        return StudentError


_BY_NAME: Final = {builtin.__name__: _mirror(builtin) for builtin in _MIRRORED}


def error_for(
    ancestry: list[str], type_name: str, message: str, traceback: str, place: Place | None
) -> StudentError:
    """Return the exception to raise for one that graded code raised.

    `ancestry` names the builtin types among the exception's bases, nearest first.
    """
    kind = next((_BY_NAME[name] for name in ancestry if name in _BY_NAME), StudentError)
    return kind(type_name, message, traceback, place)
