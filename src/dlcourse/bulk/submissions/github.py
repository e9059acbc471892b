"""Clones of repositories, as GitHub Classroom's tools and teachers make them."""

from __future__ import annotations

from os.path import commonprefix
from typing import TYPE_CHECKING

from dlcourse.bulk.submissions.commit_time import is_clone, last_commit
from dlcourse.bulk.submissions.layouts import Reading, Top, ignored_reason, most
from dlcourse.bulk.submissions.submission import Submission

if TYPE_CHECKING:
    from dlcourse.bulk.submissions.tree import Child

_ALL = "-submissions"  # `gh classroom clone` puts the clones `hw1-LOGIN` into `hw1-submissions`


class GitHub:
    """The layout `github`: what clones have in common at the front of their names is taken off."""

    def fits(self, top: Top) -> str | None:
        """Return the reason if most folders are clones."""
        folders = [child for child in top.work if child.kind == "folder"]
        clones = _clones(top)
        # One clone in the only folder is more likely a student's folder with a clone in it.
        lonely = len(clones) == 1 and top.where.parts and not top.where.name.endswith(_ALL)
        if lonely or not most(len(clones), len(folders)):
            return None
        prefix = _prefix(top, clones)
        some = "every folder is" if len(clones) == len(folders) else "most folders are"
        named = f", named `{prefix}LOGIN`" if prefix else ""
        return f"{some} a git clone{named}"

    def read(self, top: Top) -> Reading:
        """Return a submission for each folder; a folder that is no clone has no time."""
        reading = Reading()
        prefix = _prefix(top, _clones(top))
        for child in top.children:
            if child not in top.work or child.kind == "file":
                reading.ignored.append((top.origin(child.name), ignored_reason(child)))
            else:
                reading.submissions.append(_submission(top, child, prefix))
        return reading


def _clones(top: Top) -> list[Child]:
    return [
        child
        for child in top.work
        if child.kind == "folder" and is_clone(top.tree.below(child.name))
    ]


def _prefix(top: Top, clones: list[Child]) -> str:
    """Return the assignment with its hyphen, from the folder above or from what names share."""
    names = [child.name for child in clones]
    if top.where.name.endswith(_ALL):
        named = top.where.name.removesuffix(_ALL) + "-"
        if all(name.startswith(named) and name != named for name in names):
            return named
    shared = commonprefix(names) if len(names) > 1 else ""  # noqa: RUF071 - these are no paths
    return shared[: shared.rfind("-") + 1]


def _submission(top: Top, child: Child, prefix: str) -> Submission:
    rest = child.name.split("-")
    return Submission(
        student=child.name.removeprefix(prefix) or child.name,
        origin=top.origin(child.name),
        layout="github",
        parts=(top.part(child),),
        submitted_at=last_commit(top.tree.below(child.name)),
        # Logins hold hyphens too: a roster's is found wherever the assignment's name ends.
        aliases=tuple("-".join(rest[start:]) for start in range(len(rest))),
    )
