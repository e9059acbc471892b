"""The submissions of a class, found in a folder or an archive, whoever collected them."""

from __future__ import annotations

import stat
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final

from dlcourse.bulk.submissions.canvas import Canvas
from dlcourse.bulk.submissions.folder_tree import FolderTree
from dlcourse.bulk.submissions.github import GitHub
from dlcourse.bulk.submissions.gradescope import Gradescope
from dlcourse.bulk.submissions.layouts import Top, is_archive
from dlcourse.bulk.submissions.moodle import Moodle
from dlcourse.bulk.submissions.naming import is_junk, shown_name
from dlcourse.bulk.submissions.plain import Plain, looks_like_one
from dlcourse.bulk.submissions.submission import Found, Submission
from dlcourse.bulk.submissions.zip_tree import ZipTree, open_class_zip
from dlcourse.course.suggestion import did_you_mean
from dlcourse.errors import UsageError
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from dlcourse.bulk.submissions.layouts import Layout

_LAYOUTS: Final[dict[str, Layout]] = {
    "gradescope": Gradescope(),
    "moodle": Moodle(),
    "canvas": Canvas(),
    "github": GitHub(),
    "folders": Plain("folders"),
    "zips": Plain("zips"),
}
LAYOUTS: Final = tuple(sorted(_LAYOUTS))
_PLATFORMS: Final = ("gradescope", "moodle", "canvas", "github")
_PLAIN: Final = ("folders", "zips")
_EXPECTED: Final = (
    "a folder or zip archive for each student (`ada/exercises/day24_reinforcement/ppo_loss.py`,"
    " `ben.zip`), or a download from Canvas, Moodle, Gradescope or GitHub Classroom"
)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def find_submissions(path: str | os.PathLike[str], layout: str | None = None) -> Found:
    """Return the submissions of a class in the folder or zip archive at `path`.

    `layout` is one of LAYOUTS; None takes the one that the names are of. Nothing is unpacked to
    disk; what is wrong with one student's submission is told there and costs no other.

    Raises:
        UsageError: `path` cannot be opened or holds no submissions, or `layout` is not known.
    """
    if layout is not None and layout not in _LAYOUTS:
        known = ", ".join(f"`{name}`" for name in LAYOUTS)
        remedy = did_you_mean(layout, LAYOUTS, f"choose one of {known}")
        raise UsageError(f"`{shown_name(layout)}` is no layout of submissions: {remedy}")
    top = _top(Path(path))
    name, reason, inner = _chosen(top, Path(path)) if layout is None else _given(top, layout)
    reading = _LAYOUTS[name].read(inner)
    if not reading.submissions:
        raise UsageError(_nothing(Path(path), layout))
    beside = _beside(top, inner)
    return Found(
        layout=name,
        reason=reason,
        submissions=tuple(sorted(reading.submissions, key=_order)),
        ignored=tuple(sorted([*reading.ignored, *beside])),
    )


def _order(submission: Submission) -> tuple[str, datetime, str]:
    return submission.student, submission.submitted_at or _EARLIEST, submission.origin


def _top(path: Path) -> Top:
    try:
        mode = path.stat().st_mode
        tree = FolderTree(path) if stat.S_ISDIR(mode) else _archive(path, mode)
        return Top(tree, tree.top())
    except Unreadable as unreadable:
        raise UsageError(f"{unreadable}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "this can be no path"
        raise UsageError(
            f"`{shown_name(path)}` cannot be opened ({why}): name a folder or a zip archive of"
            " submissions"
        ) from None


def _archive(path: Path, mode: int) -> ZipTree:
    if not stat.S_ISREG(mode) or not is_archive(path.name):
        raise UsageError(
            f"`{shown_name(path)}` is neither a folder nor a zip archive: name {_EXPECTED}"
        )

    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        with path.open("rb") as file:
            yield file

    return open_class_zip(opened, shown_name(path))


def _given(top: Top, layout: str) -> tuple[str, str, Top]:
    """Return a layout that was asked for, looked for one folder further in where it fits there."""
    reader = _LAYOUTS[layout]
    inner = _inner(top)
    goes_in = inner is not None and reader.fits(top) is None and reader.fits(inner) is not None
    if goes_in and inner is not None and layout in _PLATFORMS:
        return layout, "it was asked for", inner
    return layout, "it was asked for", top


def _chosen(top: Top, path: Path) -> tuple[str, str, Top]:
    """Return the layout that the names are of, why, and the folder that holds the submissions."""
    inner = _inner(top)
    for view in (top, inner) if inner is not None else (top,):
        for name in _PLATFORMS:
            reason = _LAYOUTS[name].fits(view)
            if reason is not None:
                return name, reason, view
    # On a Mac, `class.zip` made of the folder `class` holds that folder.
    wrapped = isinstance(top.tree, ZipTree) and inner is not None and inner.where.name == path.stem
    view = inner if wrapped and inner is not None else top
    one = looks_like_one(view)
    if one is not None:
        raise UsageError(_is_one(path, one))
    for name in _PLAIN:
        reason = _LAYOUTS[name].fits(view)
        if reason is not None:
            return name, reason, view
    raise UsageError(_nothing(path, None))


def _inner(top: Top) -> Top | None:
    """Return the only folder at the top, as exports wrap their content; None if there is none."""
    if len(top.work) != 1 or top.work[0].kind != "folder":
        return None
    name = top.work[0].name
    tree = top.tree.below(name)
    try:
        return Top(tree, tree.top(), PurePosixPath(name))
    except Unreadable:
        return None


def _beside(top: Top, inner: Top) -> list[tuple[str, str]]:
    """Return what was ignored around the folder that holds the submissions, and stray entries."""
    strays = top.tree.strays if isinstance(top.tree, ZipTree) else ()
    ignored = [(name, f"an entry that {problem}") for name, problem in strays]
    if inner is not top:
        outside = [child for child in top.children if child.name != inner.where.name]
        ignored += [
            (
                child.name,
                "left behind by a program" if is_junk(child.name) else "outside the folder",
            )
            for child in outside
        ]
    return ignored


def _is_one(path: Path, name: str) -> str:
    return (
        f"`{shown_name(path)}` holds no submissions but looks like a single one, since it holds"
        f" `{shown_name(name)}`: name the folder above it, or say what it is with `--layout`;"
        f" expected is {_EXPECTED}"
    )


def _nothing(path: Path, layout: str | None) -> str:
    asked = f" of the layout `{layout}`" if layout else ""
    known = ", ".join(f"`{name}`" for name in LAYOUTS)
    return (
        f"`{shown_name(path)}` holds no submissions{asked}: expected is {_EXPECTED}"
        f" (layouts: {known})"
    )
