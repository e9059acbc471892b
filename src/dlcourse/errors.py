"""The errors that a person meets.

    DlcourseError                       exit code
    ├── UsageError                      2   what was typed names nothing here
    ├── CourseError                     3   the course or the grader is broken
    └── UnavailableError                4   this machine lacks what was asked for

Each message is one sentence that names the thing in backticks, and the next command to type.
"""

from __future__ import annotations

from typing import ClassVar


class DlcourseError(Exception):
    """The root: a sentence for a person and the exit code of the command that met it."""

    exit_code: ClassVar[int] = 3


class UsageError(DlcourseError):
    """What was typed names nothing here."""

    exit_code = 2


class CourseError(DlcourseError):
    """The course, or the grader itself, is broken."""


class UnavailableError(DlcourseError):
    """This machine lacks what was asked for."""

    exit_code = 4
