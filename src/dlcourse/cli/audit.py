"""`dlcourse audit`: prove how strong the suites are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dlcourse.cli.options import AuditOptions, course_option

_EXIT_CODES = """\b
Exit codes:
  0  everything holds
  2  what was typed is not right
  3  something is to be mended, or `audit.lock` is stale with --ci
"""


@click.command("audit", epilog=_EXIT_CODES)
@click.argument("names", nargs=-1)
@course_option
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    metavar="N",
    help="Runs that the solution and each variant have to pass.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Graders side by side.  [default: one for each processor]",
)
@click.option("--changed", is_flag=True, help="Audit what differs from audit.lock only.")
@click.option(
    "--ci",
    is_flag=True,
    help="Audit what differs from audit.lock and a rotating part of the rest; write nothing, and"
    " end with exit code 3 where the lock is stale.",
)
@click.option(
    "--budget",
    type=click.FloatRange(1),
    default=240.0,
    show_default=True,
    metavar="SECONDS",
    help="With --ci: how long the chosen part should take.",
)
@click.option("--dry-run", is_flag=True, help="Write neither signatures nor audit.lock.")
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON (docs/audit.md).")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write the matrix of mistakes and tests as a page.",
)
def audit_command(**typed: Any) -> int:
    """Prove that suites accept every right program and reject every wrong one.

    NAMES are days or exercises; without any, the whole course is audited. The stub must earn
    nothing, the solution and its variants everything on every seed, each planted mistake must lose
    its test and be diagnosed, mutants of the solution and trivial programs must be caught, the
    suite must keep to its time, and the exercise's form must be right.

    What the mistakes look like is written to NAME.signatures.json, for `dlcourse check`, and the
    figures of each green exercise to audit.lock.
    """
    from dlcourse.cli.auditing import run_audit_command  # noqa: PLC0415 - loads pydantic and more

    return run_audit_command(AuditOptions(**typed))
