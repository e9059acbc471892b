"""Random damage to good answers: the grader takes them or blames graded code, nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FRAMES = 5000
SEED = 45
PROGRAM = Path(__file__).parent / "fuzz_wire.py"


def run(frames: int) -> subprocess.CompletedProcess[str]:
    """Run the program of `make fuzz`, which bounds its own memory."""
    command = [sys.executable, str(PROGRAM), "--frames", str(frames), "--seed", str(SEED)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_no_damage_makes_the_grader_stumble() -> None:
    """Five thousand damaged answers, one of them in each field of each, are taken or blamed."""
    done = run(FRAMES)
    assert done.returncode == 0, done.stderr[-4000:]
    counts = [line.split() for line in done.stdout.splitlines()[1:-1]]
    assert sum(int(count.replace(",", "")) for count, _ in counts) == FRAMES
    # Damage of every kind has been met, and some that does no harm.
    assert {"taken", "StudentProtocol", "StudentCrash"} <= {name for _, name in counts}


@pytest.mark.parametrize("frames", [1])
def test_too_few_frames_to_meet_every_field_are_refused(frames: int) -> None:
    """A run that would leave a field out is no run."""
    assert "frames do not cover every field" in run(frames).stderr
