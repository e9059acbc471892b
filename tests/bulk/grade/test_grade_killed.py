"""A run that is killed at any moment is gone on with, and ends as one that was not."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING, Final

from class_program import Class, copy_class, make_class

if TYPE_CHECKING:
    from pathlib import Path

KILLS: Final = 30
STUDENTS: Final = 40
_PATIENCE: Final = 120.0


def count(school: Class) -> int:
    """How many results are in the gradebook by now."""
    try:
        with sqlite3.connect(f"file:{school.book}?mode=ro", uri=True) as connection:
            found: int = connection.execute("SELECT count(*) FROM result").fetchone()[0]
    except sqlite3.Error:
        return 0  # not made yet
    finally:
        if "connection" in locals():
            connection.close()
    return found


def killed(school: Class, due: int, delay: float) -> None:
    """Begin a run, and kill it some seconds after so many results are there."""
    process = subprocess.Popen(
        school.command("--seed", "7"),
        cwd=school.root,
        env=school.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + _PATIENCE
    while count(school) < due and process.poll() is None:
        assert time.monotonic() < end, "no result came"
        time.sleep(0.005)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_runs_end_like_an_undisturbed_one(tmp_path: Path) -> None:
    """After thirty kills at random moments the gradebook is that of a run that was left alone."""
    whole = make_class(tmp_path / "whole")
    for number in range(STUDENTS):
        body = ("2 * x", "x", f"2 * x + {number}", "1 / 0")[number % 4]
        whole.hand_in(f"s{number:02}", double=f"{body}  # {number}", halve=f"x / 2  # {number}")
    (whole.root / "secret").write_text("known")
    cut = copy_class(whole, tmp_path / "cut")
    assert whole.run("--seed", "7").returncode == 0

    chance = random.Random(4)  # noqa: S311 - moments, no secrets
    total = 2 * STUDENTS
    for number in range(KILLS):
        # One after another further on; some before the first result, some between two writes.
        killed(cut, due=number * total // KILLS, delay=chance.uniform(0, 0.05))
    done = cut.run("--seed", "7")
    assert done.returncode == 0, done.stderr
    assert [row[:3] + row[4:] for row in cut.results()] == [
        row[:3] + row[4:] for row in whole.results()
    ]
