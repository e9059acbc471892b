"""How output looks where it goes: a terminal, a pipe, a pipe that nobody reads."""

from __future__ import annotations

import os
import pty
import re
import subprocess

import pytest
from cli_program import COMMAND, GRADE_OUTCOMES, ROOT, environment, run

_COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]")


def _on_a_terminal(*words: str, env: dict[str, str]) -> str:
    """Return what `dlcourse` writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *words], cwd=ROOT, env=env, stdout=theirs) as process:
        os.close(theirs)
        written = bytearray()
        while chunk := _read(ours):
            written += chunk
        os.close(ours)
    assert process.returncode == 0
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_a_terminal_gets_colours() -> None:
    """On a terminal, output is coloured."""
    assert _COLOUR.search(_on_a_terminal("list", env=environment()))


def test_no_color_is_honoured() -> None:
    """With NO_COLOR set, a terminal gets no colour."""
    assert not _COLOUR.search(_on_a_terminal("list", env=environment(NO_COLOR="1")))


def test_a_dumb_terminal_gets_plain_text() -> None:
    """A terminal that says it is dumb gets no control sequence at all."""
    assert "\x1b" not in _on_a_terminal("list", env=environment(TERM="dumb"))


def test_a_pipe_gets_plain_text() -> None:
    """In a pipe, a graded page holds no control sequence, and the outcome is told in words."""
    text = run(*GRADE_OUTCOMES, "--only", "large_logits").stdout
    assert all(line.isprintable() for line in text.splitlines())
    assert "failed" in text


def test_an_old_locale_is_no_obstacle() -> None:
    """Where the output can hold ASCII only, drawn characters have stand-ins."""
    ended = run("list", env=environment(PYTHONIOENCODING="ascii"))
    assert ended.returncode == 0
    assert ended.stdout.isascii()


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_closed_pipe_ends_quietly(form: tuple[str, ...]) -> None:
    """When nobody reads on, the program says nothing and ends as SIGPIPE ends others."""
    words = [*COMMAND, *GRADE_OUTCOMES, "--only", "small_logits", *form]
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")
