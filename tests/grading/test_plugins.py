"""The machine of whoever runs the grader: its pytest plugins and options decide nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from classroom import DOUBLE, KEY, Classroom

from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from pathlib import Path

WRONG = """
def double(x):
    return x * x
"""
PLUGIN = """
import os, sys

def pytest_runtest_makereport(item, call):
    raise RuntimeError("a plugin of this machine")

def pytest_collection_modifyitems(items):
    items.clear()

print("a plugin of this machine", file=sys.stderr)
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an installed pytest plugin and pytest's variables set."""
    site = tmp_path / "site"
    info = site / "greedy-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "greedy.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest11]\ngreedy = greedy\n")
    (info / "RECORD").write_text("")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("PYTEST_PLUGINS", "greedy")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only -p greedy")
    return site


def test_plugins_and_options_of_the_machine_change_no_verdict(
    machine: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Installed plugins, pytest's variables and a conftest beside the suite are not used."""
    assert str(machine) in sys.path
    with GraderProcess() as grader:
        grader.configure(GraderSettings((), KEY))
        room = Classroom(tmp_path, grader)
        exercise = room.exercise()
        (exercise.suite.parent / "conftest.py").write_text(PLUGIN)
        for source, earned in ((DOUBLE, 3), (WRONG, 1)):
            report = room.check(room.submission((exercise, source)), exercise)
            assert report.earned == earned
    assert "a plugin of this machine" not in capfd.readouterr().err


def test_the_plugin_of_that_machine_is_real(machine: Path) -> None:
    """Plain pytest does load it there, so the test above can fail."""
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--markers"], capture_output=True, text=True, check=False
    )
    assert "a plugin of this machine" in found.stderr
    assert machine.is_dir()
