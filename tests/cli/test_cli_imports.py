"""What the command line loads, and when: a slow start is felt at every command."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_ALLOWED = ["click"]
_HEAVY = {"numpy", "pytest", "torch"}


def _loaded_by(statements: str) -> list[str]:
    """Return the third-party modules that `statements` load in a fresh interpreter, sorted."""
    script = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        f"{statements}\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "third = sorted(new - set(sys.stdlib_module_names) - {'dlcourse', '__mp_main__'})\n"
        "print(json.dumps(third), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    names: list[str] = json.loads(ended.stderr)
    return names


def test_the_command_line_loads_click_alone() -> None:
    """`import dlcourse.cli` loads no third-party module but click."""
    assert _loaded_by("import dlcourse.cli") == _ALLOWED


@pytest.mark.parametrize(
    "statements",
    [
        "from dlcourse.cli.listing import print_list; print_list(None, (), as_json=False)",
        "import dlcourse.cli.checking, dlcourse.reports.terminal",
        "import dlcourse.cli.creating, dlcourse.cli.hinting, dlcourse.audit.form",
        "from dlcourse.cli.doctoring import run_doctor; run_doctor(None, 'none', as_json=False)",
    ],
)
def test_commands_load_nothing_heavy(statements: str) -> None:
    """What the command line does in its own process needs neither torch, numpy nor pytest."""
    assert not _HEAVY & set(_loaded_by(statements))
