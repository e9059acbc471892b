"""An interrupted `dlcourse check` says one line and leaves no process behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_program import COMMAND, OUTCOMES, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLEEPER = """
import time

def softmax(x):
    time.sleep(60 if x.max() > 500 else 0)
    return x.softmax(-1)
"""
_FAMILY = 4  # grader, the fork that grades, server of workers, worker


@pytest.fixture
def sleeping(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A check whose first test has passed, and whose second one sleeps."""
    folder = tmp_path / "day01_outcomes"
    folder.mkdir()
    (folder / "softmax.py").write_text(_SLEEPER)
    words = ("--course", str(OUTCOMES), "--only", "small_logits", "--only", "large_logits")
    with subprocess.Popen(
        [*COMMAND, "check", "softmax", *words, "--workdir", str(tmp_path)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("passed" in line for line in iter(process.stdout.readline, ""))
        yield process


def _descendants(pid: int) -> list[int]:
    """Return the processes that stem from `pid`."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *_descendants(child))]


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "Interrupted: no report was made.\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
def test_nothing_is_left_behind(
    sleeping: subprocess.Popen[str], number: signal.Signals, status: int, said: str
) -> None:
    """The program ends at once with one line at most, and every process of it with it."""
    family = [os.pidfd_open(pid) for pid in _descendants(sleeping.pid)]
    sleeping.send_signal(number)
    _, errors = sleeping.communicate(timeout=20)
    alive = [pidfd for pidfd in family if not select.select([pidfd], [], [], 10)[0]]
    for pidfd in family:
        os.close(pidfd)
    assert (sleeping.returncode, errors.lstrip("\n")) == (status, said)
    assert len(family) >= _FAMILY
    assert alive == []
