"""A bulk download from Moodle: a folder per student, named after person and participant."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from dlcourse.bulk.submissions.layouts import Reading, Top, ignored_reason, most
from dlcourse.bulk.submissions.submission import Submission

if TYPE_CHECKING:
    from dlcourse.bulk.submissions.tree import Child

# `Ada Lovelace_123456_assignsubmission_file`, by some versions with `_` at the end, or followed by
# the file's name where the download was not asked to make folders.
_NAME: Final = re.compile(
    r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<real>.*))?", re.DOTALL
)


class Moodle:
    """The layout `moodle`; texts typed into Moodle lie beside the files and are left out."""

    def fits(self, top: Top) -> str | None:
        """Return the reason if most names are of Moodle's form."""
        matching = {child for child in top.children if _NAME.fullmatch(child.name)}
        every = matching | set(top.work)
        if not most(len(matching), len(every)):
            return None
        some = "every name is" if len(matching) == len(every) else "most names are"
        return f"{some} NAME_ID_assignsubmission_file"

    def read(self, top: Top) -> Reading:
        """Return a submission for each participant who handed in files."""
        reading = Reading()
        people: dict[tuple[str, str], list[tuple[Child, str]]] = defaultdict(list)
        for child in top.children:
            match = _NAME.fullmatch(child.name)
            if match is None:
                reading.ignored.append((top.origin(child.name), ignored_reason(child)))
            elif match["kind"] != "file":
                reason = f"of Moodle's kind `{match['kind']}`, which holds no handed-in files"
                reading.ignored.append((top.origin(child.name), reason))
            else:
                people[match["name"], match["id"]].append((child, match["real"] or ""))
        names = [name for name, _ in people]
        for (name, number), files in people.items():
            student = name if names.count(name) == 1 else f"{name}_{number}"
            reading.submissions.append(_submission(top, student, (name, number), files))
        return reading


def _submission(
    top: Top, student: str, person: tuple[str, str], files: list[tuple[Child, str]]
) -> Submission:
    name, number = person
    return Submission(
        student=student,
        origin=top.origin(files[0][0].name),
        layout="moodle",
        parts=tuple(top.part(child, at=real) for child, real in files),
        name=name,
        aliases=(f"{name}_{number}", number),
    )
