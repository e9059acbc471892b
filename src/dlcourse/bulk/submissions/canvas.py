"""A bulk download from Canvas: flat files, named after student, user and file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dlcourse.bulk.submissions.layouts import Reading, Top, ignored_reason, most
from dlcourse.bulk.submissions.submission import Submission

if TYPE_CHECKING:
    from dlcourse.bulk.submissions.tree import Child

# `lovelaceada_LATE_4321_98765_ppo_loss.py`; a text typed into Canvas is `…_4321_text.html`.
_NAME: Final = re.compile(
    r"(?P<name>[^_].*?)_(?P<late>LATE_)?(?P<user>\d+)_(?:(?P<file>\d+)_(?P<real>.+)|text\.html)",
    re.DOTALL,
)


class Canvas:
    """The layout `canvas`: all files of one user are one submission."""

    def fits(self, top: Top) -> str | None:
        """Return the reason if most names are of Canvas's form."""
        matching = {child for child in top.children if _match(child)}
        every = matching | set(top.work)
        if not most(len(matching), len(every)):
            return None
        some = "every file is" if len(matching) == len(every) else "most files are"
        return f"{some} named NAME_USERID_FILEID_file"

    def read(self, top: Top) -> Reading:
        """Return a submission for each user."""
        reading = Reading()
        users: dict[str, list[tuple[Child, re.Match[str]]]] = {}
        for child in top.children:
            match = _match(child)
            if match is None:
                reading.ignored.append((top.origin(child.name), ignored_reason(child)))
            elif match["real"] is None:
                reading.ignored.append((top.origin(child.name), "a text typed into Canvas"))
            else:
                users.setdefault(match["user"], []).append((child, match))
        reading.submissions += [_submission(top, user, users[user]) for user in users]
        return reading


def _match(child: Child) -> re.Match[str] | None:
    return None if child.kind == "folder" else _NAME.fullmatch(child.name)


def _submission(top: Top, user: str, files: list[tuple[Child, re.Match[str]]]) -> Submission:
    child, first = files[0]
    return Submission(
        student=user,
        origin=top.origin(child.name),
        layout="canvas",
        parts=tuple(top.part(child, at=match["real"]) for child, match in files),
        late=any(match["late"] for _, match in files),
        aliases=(first["name"],),
    )
