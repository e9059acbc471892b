"""The sessions in README.md are what the program prints.

A session is a block that begins with ```` ```console ````, a command and its output. To write all
outputs anew, run this and read the difference:

    DLCOURSE_REGENERATE=1 pytest tests/cli/test_readme.py
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from cli_program import ROOT, environment, run

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"
_SESSION = re.compile(r"```console\n\$ dlcourse (.+)\n((?:.*\n)*?)```")
_DURATION = re.compile(r"(?:<1|\d+(?:\.\d+)?) (?:ms|s)\b")
_OF_THIS_MACHINE = re.compile(
    r"^(?:sandboxed|confined|not confined).*?(?=^[^\s(]*°|^seed)", re.MULTILINE | re.DOTALL
)

COMMANDS = [match[1] for match in _SESSION.finditer(README.read_text(encoding="utf-8"))]


@pytest.fixture
def seeds(tmp_path: Path) -> dict[str, str]:
    """An environment in which a run's number gives the same inputs on every machine."""
    secret = tmp_path / "secret"
    secret.write_text("for the README only\n")
    return environment(DLCOURSE_SECRET_FILE=str(secret))


def _lasting(output: str) -> str:
    """Return what does not differ between two runs or machines, its blanks evened."""
    return " ".join(_DURATION.sub("T", _OF_THIS_MACHINE.sub("", output)).split())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_session_is_what_the_program_prints(command: str, seeds: dict[str, str]) -> None:
    """Each command in the README prints what the README shows, timing and machine apart."""
    ended = run(*command.split(), env=seeds)
    assert ended.stderr == ""
    text = README.read_text(encoding="utf-8")
    (shown,) = (match[2] for match in _SESSION.finditer(text) if match[1] == command)
    if "DLCOURSE_REGENERATE" in os.environ:
        session = f"```console\n$ dlcourse {command}\n"
        README.write_text(text.replace(session + shown, session + ended.stdout), encoding="utf-8")
        shown = ended.stdout
    assert _lasting(shown) == _lasting(ended.stdout)


def test_commands_that_are_named_exist() -> None:
    """Every `dlcourse …` and `make …` that the README names can be typed."""
    text = README.read_text(encoding="utf-8")
    commands = set(re.findall(r"`dlcourse ([a-z]+)", text))
    targets = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert commands
    assert targets
    assert [name for name in commands if run(name, "--help").returncode] == []
    assert [name for name in targets if f"\n{name}:" not in makefile] == []
