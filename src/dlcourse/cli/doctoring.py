"""What `dlcourse doctor` does, once its options are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcourse.cli.output import open_output, write_document
from dlcourse.errors import CourseError, UnavailableError
from dlcourse.grading.machine.examination import examine
from dlcourse.reports.diagnosis import write_machine
from dlcourse.reports.document import to_json
from dlcourse.reports.page import Page

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.grading.machine.model import Machine
    from dlcourse.sandbox.tier import Tier


def run_doctor(course_folder: Path | None, required: Tier, *, as_json: bool) -> int:
    """Examine this machine, print what was found and return the exit status."""
    machine = examine(course_folder, required)
    if as_json:
        write_document(to_json(machine))
    else:
        write_machine(Page(open_output()), machine)
    return exit_status(machine)


def exit_status(machine: Machine) -> int:
    """Return 3 where nothing can be graded, 4 where less holds than is required, else 0."""
    if not machine.grades:
        return CourseError.exit_code
    return 0 if machine.is_strong_enough else UnavailableError.exit_code
