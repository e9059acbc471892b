"""The one console that commands write to."""

from __future__ import annotations

import sys
from typing import NoReturn

from rich.console import Console

from dlcourse.cli.ends import OutputClosedError


class _Output(Console):
    """A console that does not end the program by itself when nobody reads it."""

    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the command line to end with the right status."""
        raise OutputClosedError


def open_output() -> Console:
    """Return a console on the standard output: plain unless that is a terminal with colours."""
    return _Output(file=sys.stdout, highlight=False)


def write_document(text: str) -> None:
    """Write a document to the standard output, as it stands.

    Raises:
        OutputClosedError: nobody reads it.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosedError from None
