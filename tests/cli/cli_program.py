"""Runs the program as a person does: in a process of its own, looking at what it printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[2]
OUTCOMES: Final = ROOT / "examples" / "outcomes"
GRADE_OUTCOMES: Final = (
    "check",
    "softmax",
    "--course",
    str(OUTCOMES),
    "--workdir",
    str(OUTCOMES / "submission"),
)
COMMAND: Final = (sys.executable, "-m", "dlcourse")
_DECIDE_LOOKS: Final = ("CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "LINES", "NO_COLOR")


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without what decides how output looks, and `changes`."""
    kept = {name: value for name, value in os.environ.items() if name not in _DECIDE_LOOKS}
    kept.pop("DLCOURSE_COURSE", None)
    return {**kept, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "TERM": "xterm", **changes}


def run(
    *words: str, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `dlcourse` with `words`, its output going to a pipe."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=cwd,
        env=environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def run_on_weaker(
    *words: str, calls: Sequence[str], error: str = "EPERM", cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run `dlcourse` where `calls` fail."""
    launcher = Path(__file__).with_name("deny_calls.py")
    return subprocess.run(
        [sys.executable, launcher, error, ",".join(calls), *COMMAND, *words],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
