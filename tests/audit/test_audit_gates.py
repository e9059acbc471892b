"""What an audit says of a program that no test has judged, and of places that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from small_course import COURSE, copy_course

from dlcourse.audit import gates
from dlcourse.audit.programs import Program
from dlcourse.audit.trials import Result, Trial
from dlcourse.cli.auditing import run_audit_command
from dlcourse.cli.options import AuditOptions
from dlcourse.course import Exercise, load_course, load_mistakes
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def exercise() -> Exercise:
    """The one exercise of the small course."""
    return load_course(COURSE).exercises[0]


def suite() -> gates.Suite:
    """Its suite."""
    return gates.Suite(exercise(), "graders/day01_small/test_scaled.py")


def ungraded(kind: Any, name: str) -> Result:
    """A program over which the grader broke down."""
    return Result(Trial(Program(kind, name, "somewhere.py", "", 7), 1), problem="it ended early")


def test_stub_that_no_test_judged_has_not_failed() -> None:
    """A stub over which the grader broke down is told, although it earned nothing."""
    (one,) = gates.stub_earns_nothing(suite(), ungraded("stub", "stub"), repair=False)
    assert (one.gate, one.file, one.line) == (1, "somewhere.py", 7)
    assert one.problem == "the stub cannot be graded (it ended early)"


def test_right_program_that_no_test_judged_has_not_passed() -> None:
    """A variant over which the grader broke down is told."""
    (one,) = gates.right_is_full(suite(), [ungraded("variant", "other")])
    assert (one.gate, one.problem) == (2, "the variant `other` cannot be graded (it ended early)")


def test_mistake_that_no_test_judged_was_not_caught() -> None:
    """A mistake over which the grader broke down is told as such."""
    mistake = load_mistakes(exercise())[0]
    planted = gates.Planted(mistake, 3, (ungraded("mistake", mistake.id),))
    (one,) = gates.mistakes_are_caught(suite(), [planted])
    assert (one.gate, one.problem) == (
        3,
        "the mistake `quotient` cannot be graded (it ended early)",
    )


def test_thoughtless_program_that_no_test_judged_proves_nothing() -> None:
    """A thoughtless program over which the grader broke down is told."""
    (one,) = gates.trivial_earns_nothing(suite(), [ungraded("trivial", "zeros")])
    assert (one.gate, one.problem) == (5, "the trivial `zeros` cannot be graded (it ended early)")


def options(course: Path, html: Path | None = None) -> AuditOptions:
    """What is typed for an audit of everything."""
    return AuditOptions(
        names=(),
        course=course,
        seeds=1,
        jobs=1,
        changed=False,
        ci=False,
        budget=1.0,
        dry_run=False,
        as_json=False,
        html=html,
    )


def test_page_in_no_folder_is_refused_at_once(tmp_path: Path) -> None:
    """Where the page's folder is missing, the audit does not begin, and says what to type."""
    page = tmp_path / "none" / "matrix.html"
    with pytest.raises(UsageError) as error:
        run_audit_command(options(copy_course(tmp_path / "course"), page))
    folder = page.parent
    expected = f"`{folder}` is no folder: make it with `mkdir -p {folder}`, then audit again"
    assert str(error.value) == expected


def test_course_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lock could not be written, the audit does not begin, and says what to type."""
    root = copy_course(tmp_path / "course").resolve()
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(UsageError) as error:
        run_audit_command(options(root))
    assert str(error.value) == (
        f"`{root}` cannot be written, where `audit.lock` would be: copy the course, or type "
        "`dlcourse audit --dry-run`"
    )


def test_dry_run_tries_the_diagnoses_and_writes_nothing(tmp_path: Path) -> None:
    """Without signatures to read, those that would be written are tried, and nothing is left."""
    root = copy_course(tmp_path / "course")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "dlcourse", "audit", "--course", str(root), "--seeds", "1"]
    done = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
