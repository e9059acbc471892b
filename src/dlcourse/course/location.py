"""Where the course stands that a command works on."""

from __future__ import annotations

import os
from pathlib import Path

from dlcourse.course.layout import COURSE_FILE, EXERCISES
from dlcourse.errors import UsageError

VARIABLE = "DLCOURSE_COURSE"
_PACKAGE = Path(__file__).resolve().parents[1]


def find_course(option: Path | None, submission: Path | None = None) -> Path:
    """Return the folder of the course to work on.

    It is `option`; else what the environment variable `DLCOURSE_COURSE` names; else the current
    folder or the nearest one above it that holds a `course.toml`; else the default course.

    Raises:
        UsageError: no course stands there, or it lies in the folder `submission` and nobody named
            it: what is graded must not bring along the suites and rules that it is graded by.
    """
    if option is not None:
        return _named(option, f"`{option}`", f"create it, or leave `--course {option}` out")
    if name := os.environ.get(VARIABLE):
        return _named(Path(name), f"`{VARIABLE}={name}`", f"type `unset {VARIABLE}`")
    found = _surrounding(Path.cwd()) or _default(_PACKAGE)
    if found is not None and submission is not None:
        _require_outside(found, submission)
    if found is None:
        raise UsageError(
            f"no course is found: `{Path.cwd()}` and the folders above it hold no `{COURSE_FILE}`,"
            f" and `{_PACKAGE}` carries no default course; name a course with `--course FOLDER`."
        )
    return found


def _named(folder: Path, who: str, remedy: str) -> Path:
    if not (folder / COURSE_FILE).is_file():
        raise UsageError(f"{who} names no course: no `{COURSE_FILE}` stands there; {remedy}.")
    return folder.resolve()


def _require_outside(course: Path, submission: Path) -> None:
    if course.resolve().is_relative_to(submission.resolve()):
        raise UsageError(
            f"the course in `{course}` lies in `{submission}`, whose files are graded and decide"
            f" nothing: name the course with `--course FOLDER`, or leave `--workdir` out."
        )


def _surrounding(folder: Path) -> Path | None:
    around = (folder, *folder.parents)
    return next((place for place in around if (place / COURSE_FILE).is_file()), None)


def _default(package: Path) -> Path | None:
    # A wheel carries the course inside the package; an editable install stands in its repository.
    # The wheel's own comes first: a virtual environment may stand inside another course.
    places = (package / "_course", *package.parents)
    return next((place for place in places if _is_course(place)), None)


def _is_course(folder: Path) -> bool:
    return (folder / COURSE_FILE).is_file() and (folder / EXERCISES).is_dir()
