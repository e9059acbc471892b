"""Where a learner's files lie, and what to do where they do not."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import dlcourse
from dlcourse.errors import UsageError
from dlcourse.grading.check import job_for
from dlcourse.reports.page import Line, Page, Span

if TYPE_CHECKING:
    from rich.console import Console

    from dlcourse.course import Course, Exercise
    from dlcourse.grading.check import Request

_PACKAGE = Path(dlcourse.__file__).resolve().parent


def is_built_in(course: Course) -> bool:
    """Whether the course lies inside the installed program, where nobody should work."""
    return _is_inside(course.root)


def require_own(root: Path) -> None:
    """Raise UsageError where the course lies inside the installed program: it is not to change."""
    if _is_inside(root):
        raise UsageError(
            f"the course in `{root}` belongs to the installed program: name one of your own with"
            f" `--course FOLDER`."
        )


def _is_inside(root: Path) -> bool:
    return root.is_relative_to(_PACKAGE)


def find_workplace(course: Course) -> Path:
    """Return the learner's folder: the course's own, or the current one for a built-in course."""
    return Path.cwd() if is_built_in(course) else course.root


def require_files(request: Request) -> None:
    """Raise UsageError where none of the exercises has a file yet: there is nothing to grade."""
    if any(_is_there(request, exercise) for exercise in request.exercises):
        return
    first = request.exercises[0]
    goal = job_for(request, first).file
    folder, source = shlex.quote(str(goal.parent)), shlex.quote(str(first.stub))
    raise UsageError(
        f"`{first.name}` is not begun: there is no `{goal}` in `{request.workdir}`; copy its stub"
        f" with `mkdir -p {folder} && cp {source} {folder}/`, fill it in and check again."
    )


def _is_there(request: Request, exercise: Exercise) -> bool:
    return os.path.lexists(request.workdir / job_for(request, exercise).file)


def announcement(workdir: Path, console: Console) -> None:
    """Say which folder is graded, unless it is the one that the learner stands in."""
    if workdir.resolve() != Path.cwd():
        page = Page(console)
        page.write(Line((Span(f"checking files in {shown(workdir)}", "dim"),)))
        page.blank()


def shown(path: Path) -> str:
    """Return `path` from the current folder, if that is shorter to read."""
    path = path.resolve()
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
