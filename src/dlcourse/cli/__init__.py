"""The command line: options in, a call, output."""

from __future__ import annotations

import sys

import click

from dlcourse import __version__
from dlcourse.cli.audit import audit_command
from dlcourse.cli.check import check_command
from dlcourse.cli.doctor import doctor_command
from dlcourse.cli.ends import run_to_status
from dlcourse.cli.grade import grade_command
from dlcourse.cli.gradebook import gradebook_command
from dlcourse.cli.hint import hint_command
from dlcourse.cli.list import list_command
from dlcourse.cli.new import new_command

_EXIT_CODES = """\b
Exit codes:
  0  all good
  1  graded code lost points
  2  what was typed is not right
  3  the grader or the course is broken
  4  what was asked for is not available on this machine
"""


@click.group(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dlcourse")
def cli() -> None:
    """A deep-learning course with PyTorch that grades itself."""


cli.add_command(audit_command)
cli.add_command(check_command)
cli.add_command(doctor_command)
cli.add_command(grade_command)
cli.add_command(gradebook_command)
cli.add_command(hint_command)
cli.add_command(list_command)
cli.add_command(new_command)


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(run_to_status(lambda: cli.main(prog_name="dlcourse", standalone_mode=False)))
