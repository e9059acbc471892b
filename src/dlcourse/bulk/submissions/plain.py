"""One folder or zip archive for each student, named after the student."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from dlcourse.bulk.submissions.layouts import Reading, Top, ignored_reason, is_zip
from dlcourse.bulk.submissions.submission import Submission
from dlcourse.course import layout

if TYPE_CHECKING:
    from dlcourse.bulk.submissions.tree import Child

_DAY: Final = re.compile(r"day[0-9]{2}(_[a-z0-9_]+)?")


class Plain:
    """The layouts `folders` and `zips`; a class may mix them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fits(self, top: Top) -> str | None:
        """Return the reason if there are students' folders, or archives and no folders."""
        students = [child for child in top.work if is_student(child)]
        archives = [child for child in students if is_zip(child)]
        if not students or looks_like_one(top) is not None:
            return None
        if self.name == "zips":
            return "one zip archive per student" if len(archives) == len(students) else None
        if not archives:
            return "one folder per student"
        if len(archives) < len(students):
            return "one folder or zip archive per student"
        return None

    def read(self, top: Top) -> Reading:
        """Return a submission for each folder and archive."""
        reading = Reading()
        for child in top.children:
            if child not in top.work or not is_student(child):
                reading.ignored.append((top.origin(child.name), ignored_reason(child)))
                continue
            archive = is_zip(child)
            student = PurePosixPath(child.name).stem if archive else child.name
            origin = top.origin(child.name)
            reading.submissions.append(
                Submission(student, origin, self.name, parts=(top.part(child),))
            )
        return reading


def is_student(child: Child) -> bool:
    """Whether something at the top can be a student's; a link is one that cannot be read."""
    return child.kind != "file" or is_zip(child)


def looks_like_one(top: Top) -> str | None:
    """Return the name that shows that the top is a single student's submission, else None."""
    for child in top.children:
        if child.kind == "folder" and (
            child.name in {layout.EXERCISES, ".git"} or _DAY.fullmatch(child.name)
        ):
            return child.name
        if child.kind == "file" and child.name.endswith(".py"):
            return child.name
    return None
