"""What `dlcourse audit` does, once its options are read."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING

from dlcourse.audit.audit import AuditRequest, run_audit
from dlcourse.audit.lock import FILE, read_lock, stale
from dlcourse.audit.sample import in_turn
from dlcourse.audit.table import AuditTable, write_end
from dlcourse.cli.output import open_output, write_document
from dlcourse.course import find_course, load_course
from dlcourse.errors import CourseError, UsageError
from dlcourse.grading.seeds import load_secret
from dlcourse.reports.document import to_json
from dlcourse.reports.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dlcourse.audit.model import AuditReport, ExerciseAudit, Finding
    from dlcourse.cli.options import AuditOptions
    from dlcourse.course import Course, Exercise


def run_audit_command(options: AuditOptions) -> int:
    """Audit what was asked for, print what was found and return the exit status.

    Raises:
        UsageError: a name that was typed is not there.
        CourseError: the course or the lock cannot be read.
    """
    course = load_course(find_course(options.course))
    exercises, outdated = _chosen(options, course)
    writes = not (options.ci or options.dry_run)
    _require_places(course.root if writes else None, options.html)
    request = AuditRequest(
        course=course,
        exercises=exercises,
        secret=load_secret().value.hex(),
        seeds=options.seeds,
        jobs=options.jobs or os.cpu_count() or 1,
        write=writes,
        stale=outdated,
    )
    report = _printed(request, as_json=options.as_json)
    if options.html is not None:
        from dlcourse.audit.matrix import to_html  # noqa: PLC0415 - only where it is asked for

        options.html.write_text(to_html(report), encoding="utf-8")
    return 0 if report.green else CourseError.exit_code


def _require_places(root: Path | None, page: Path | None) -> None:
    """Raise UsageError now, not after minutes, where what is found could not be written."""
    if root is not None and not os.access(root, os.W_OK):
        raise UsageError(
            f"`{root}` cannot be written, where `{FILE}` would be: copy the course, or type "
            "`dlcourse audit --dry-run`"
        )
    if page is not None and not page.resolve().parent.is_dir():
        raise UsageError(
            f"`{page.parent}` is no folder: make it with `mkdir -p {page.parent}`, then audit again"
        )


def _chosen(
    options: AuditOptions, course: Course
) -> tuple[Sequence[Exercise], tuple[Finding, ...]]:
    """The exercises to audit, and where the lock is stale if that counts."""
    exercises = course.resolve_all(options.names or ("all",))
    if not (options.ci or options.changed):
        return exercises, ()
    lock = read_lock(course.root)
    if options.changed:
        return tuple(one for one in exercises if not lock.fits(one)), ()
    turn = dt.datetime.now(dt.UTC).date().toordinal()
    return in_turn(exercises, lock, turn, options.budget), tuple(stale(course, lock))


def _printed(request: AuditRequest, *, as_json: bool) -> AuditReport:
    if as_json:
        report = run_audit(request, _Silent())
        write_document(to_json(report))
        return report
    page = Page(open_output())
    report = run_audit(request, AuditTable.over(page, request.exercises))
    write_end(page, report)
    return report


class _Silent:
    """A listener that says nothing: the document comes at the end."""

    def started(self, exercise: Exercise) -> None:
        """Say nothing."""

    def finished(self, audit: ExerciseAudit) -> None:
        """Say nothing."""
