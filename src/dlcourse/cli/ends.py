"""How a command ends: a status, and at most one sentence on the error output."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Final, NoReturn

import click
from click.exceptions import NoArgsIsHelpError, NoSuchCommand

from dlcourse.errors import DlcourseError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_BROKEN: Final = 3
_BY_SIGNAL: Final = 128


class OutputClosedError(Exception):
    """Nobody reads the output any more, as after `dlcourse … | head`."""


def run_to_status(command: Callable[[], int | None]) -> int:
    """Run `command` and return its exit status, having said what went wrong, if anything did."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        return command() or 0
    except OutputClosedError:
        _discard_output()
        return _BY_SIGNAL + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001 - left alone, Python's status would say "lost points"
        status, words = _ending(error)
        click.echo(words, err=True)
        return status


def _ending(error: Exception) -> tuple[int, str]:
    """The exit status for `error`, and what to say."""
    match error:
        case NoArgsIsHelpError():
            return UsageError.exit_code, error.format_message()
        case click.ClickException():
            return UsageError.exit_code, f"Error: {_sentence(error)}"
        case DlcourseError():
            return error.exit_code, f"Error: {error}"
        case click.Abort():
            return _BY_SIGNAL + signal.SIGINT, "Interrupted: no report was made."
        case _:
            lines = "".join(traceback.format_exception(error))
            return _BROKEN, f"{lines}\nError: `dlcourse` itself failed: please report these lines."


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind on a signal, so that the grader process ends too."""
    sys.exit(_BY_SIGNAL + number)


def _discard_output() -> None:
    """Let the interpreter flush what is left into nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: click.ClickException) -> str:
    """What click found wrong, in the form of this program's own errors."""
    context = getattr(error, "ctx", None)
    place = context.command_path if context else "dlcourse"
    match error:
        case NoSuchCommand():
            what, known = f"`{error.command_name}` is no command of `{place}`", error.possibilities
        case click.NoSuchOption():
            what, known = f"`{error.option_name}` is no option of `{place}`", error.possibilities
        case click.MissingParameter():
            return f"`{place}` needs a name: type `dlcourse list` to see all names."
        case click.BadParameter(param=click.Parameter() as parameter):
            what, known = f"`{parameter.opts[-1]}`: {_lowered(error.message)}", None
        case _:
            what, known = _lowered(error.format_message()), None
    if known:
        return f"{what}: did you mean `{known[0]}`?"
    return f"{what}; type `{place} --help` to see how it is used."


def _lowered(message: str) -> str:
    return (message[:1].lower() + message[1:]).rstrip(".").replace("'", "`")
