"""How a command ends that did not go well: a status and one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest


def _ended(command: str) -> subprocess.CompletedProcess[str]:
    """Run the Python statement `command` as if it were the program's."""
    script = (
        "import sys\n"
        "from dlcourse.cli.ends import run_to_status\n"
        "from dlcourse.errors import CourseError, UnavailableError, UsageError\n"
        "def command():\n"
        f"    {command}\n"
        "sys.exit(run_to_status(command))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("error", "status"), [("UsageError", 2), ("CourseError", 3), ("UnavailableError", 4)]
)
def test_each_kind_of_error_has_its_status(error: str, status: int) -> None:
    """An error of the program is its own sentence, and its kind decides the status."""
    ended = _ended(f"raise {error}('`it` is wrong: type `that`.')")
    assert (ended.returncode, ended.stderr) == (status, "Error: `it` is wrong: type `that`.\n")


def test_a_fault_of_the_program_is_not_taken_for_lost_points() -> None:
    """An unexpected exception ends with status 3, its traceback, and what to do about it."""
    ended = _ended("[][0]")
    assert ended.returncode == 3
    assert "IndexError: list index out of range\n" in ended.stderr
    assert ended.stderr.endswith("Error: `dlcourse` itself failed: please report these lines.\n")


@pytest.mark.parametrize(("returned", "status"), [("None", 0), ("0", 0), ("1", 1)])
def test_a_command_gives_its_own_status(returned: str, status: int) -> None:
    """What a command returns is the status; nothing means that all is good."""
    assert _ended(f"return {returned}").returncode == status
