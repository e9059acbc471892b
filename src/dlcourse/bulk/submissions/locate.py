"""Where the files of an exercise stand in a submission."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from dlcourse.bulk.submissions.naming import folded, shown_name
from dlcourse.course import layout
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlcourse.bulk.submissions.submission import Submission
    from dlcourse.course.model import Exercise

# What browsers add to a second download of a file: `ppo_loss (1).py`.
_COPY: Final = re.compile(r" ?\((\d{1,3})\)$")
# What Canvas adds to a file that is handed in again: `ppo_loss-1.py`.
_AGAIN: Final = re.compile(r"-(\d{1,3})$")


def locate(submission: Submission, exercise: Exercise) -> dict[str, PurePosixPath]:
    """Return the stub's file and the exercise's helper files, by module name, the stub first.

    A file in `exercises/DAY` is preferred to one in `DAY`, and that to one elsewhere. The dict is
    empty if the stub's file is not there.

    Raises:
        Unreadable: several files could be meant, the file is there and cannot be read, or it may
            be in an archive that was refused.
    """
    stub = _find(submission, exercise.day, f"{exercise.name}.py")
    if stub is None:
        _tell_hidden(submission, exercise)
        return {}
    found = {exercise.name: stub}
    for file in exercise.files:
        helper = _helper(submission, exercise.day, file, stub)
        if helper is not None:
            found[PurePosixPath(file).stem] = helper
    return found


def _find(submission: Submission, day: str, file: str) -> PurePosixPath | None:
    contents = submission.contents
    chosen = _choose([*contents.files, *contents.odd], submission.layout, day, file)
    if chosen in contents.odd:
        raise Unreadable(contents.odd[chosen])
    return chosen


def _helper(
    submission: Submission, day: str, file: str, stub: PurePosixPath
) -> PurePosixPath | None:
    """Return the helper beside the stub if there is one, since that is what the stub imports."""
    beside = stub.with_name(file)
    return beside if beside in submission.contents.files else _find(submission, day, file)


def _choose(paths: Iterable[PurePosixPath], kind: str, day: str, file: str) -> PurePosixPath | None:
    named = [path for path in paths if folded(_original(path.name, kind)) == file]
    if not named:
        return None
    wanted = PurePosixPath(layout.EXERCISES, day, file)
    best = max(_place(path, wanted) for path in named)
    newest = [path for path in named if _place(path, wanted) == best]
    if len({_without_copies(path, kind) for path in newest}) == 1:
        # Of one file handed in several times the last counts.
        last = max(_age(path, kind, file) for path in newest)
        newest = [path for path in newest if _age(path, kind, file) == last]
    if len(newest) > 1:
        one, other, *_ = sorted(newest)
        raise Unreadable(
            f"`{shown_name(one)}` and `{shown_name(other)}` could both be meant:"
            f" hand in one `{wanted}`"
        )
    return newest[0]


def _place(path: PurePosixPath, wanted: PurePosixPath) -> tuple[int, bool]:
    """Return how many folders above a file are as wanted, and whether nothing is above them."""
    folders, due = path.parent.parts, wanted.parent.parts
    if not folders or folded(folders[-1]) != due[-1]:
        return 0, False
    fitting = 2 if [folded(part) for part in folders[-2:]] == list(due) else 1
    return fitting, fitting == len(folders)


def _age(path: PurePosixPath, kind: str, file: str) -> tuple[object, ...]:
    """Return what orders the copies of one file: the file of the very name before its copies."""
    again, copies = zip(*(_numbers(part, kind) for part in path.parts), strict=True)
    *above, own = copies
    return again, above, not own, _original(path.name, kind) == file, own


def _without_copies(path: PurePosixPath, kind: str) -> tuple[str, ...]:
    return tuple(folded(_original(part, kind)) for part in path.parts)


def _original(name: str, kind: str) -> str:
    stem, ending, _ = _split(name, kind)
    return stem + ending


def _numbers(name: str, kind: str) -> tuple[int, int]:
    return _split(name, kind)[2]


def _split(name: str, kind: str) -> tuple[str, str, tuple[int, int]]:
    """Return a name's stem without marks of copies, its ending, and which copy it is."""
    ending = PurePosixPath(name).suffix
    stem = name.removesuffix(ending)
    again = _AGAIN.search(stem) if kind == "canvas" else None
    stem = stem[: again.start()] if again else stem
    copy = _COPY.search(stem)
    stem = stem[: copy.start()] if copy else stem
    return stem, ending, (int(again[1]) if again else 0, int(copy[1]) if copy else 0)


def _tell_hidden(submission: Submission, exercise: Exercise) -> None:
    """Raise Unreadable if the stub's file may be in something that was not opened."""
    contents = submission.contents
    if contents.refused:
        raise Unreadable(contents.refused[0])
    for path, sentence in contents.odd.items():
        if folded(path.name) in {layout.EXERCISES, exercise.day}:
            raise Unreadable(sentence)
