"""What a submission consists of: folders, files and archives, seen as one tree."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final

from dlcourse.bulk.submissions.bounds import MAX_ARCHIVES, MAX_LOOKED_AT, MAX_NESTED
from dlcourse.bulk.submissions.naming import shown_name
from dlcourse.bulk.submissions.tree import Tree, read_bounded, too_large
from dlcourse.bulk.submissions.zip_tree import open_zip
from dlcourse.sandbox.files import MAX_SOURCE, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlcourse.bulk.submissions.zip_tree import Opener

# Archives that are not opened: a person has to ask for another form.
_OTHER_ARCHIVES: Final = (".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zst")
_NOTHING: Final = PurePosixPath()


@dataclass(frozen=True)
class Part:
    """A piece of a submission, which appears at `at` in it.

    It is all of `tree`, or with `file` that file of it, which is unpacked if it is a zip archive.
    What is `odd` is neither file nor folder: it is opened for the sentence that refuses it.
    """

    tree: Tree
    file: PurePosixPath | None = None
    at: PurePosixPath = _NOTHING
    shown: str = ""
    odd: bool = False


@dataclass
class Contents:
    """The files of a submission, each with the tree and the path that it is read from.

    `odd` says why something that is there cannot be read; `refused` are the sentences on archives
    that were not opened, or on the submission as a whole.
    """

    files: dict[PurePosixPath, tuple[Tree, PurePosixPath]] = field(default_factory=dict)
    odd: dict[PurePosixPath, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    archives: int = 0

    def read(self, path: PurePosixPath) -> bytes:
        """Return the content of a file of at most 256 KiB; raises Unreadable."""
        if path in self.odd:
            raise Unreadable(self.odd[path])
        if path not in self.files:
            raise Unreadable(f"`{shown_name(path)}` is not in the submission")
        tree, inner = self.files[path]
        try:
            return read_bounded(tree, inner, MAX_SOURCE)
        except Unreadable as unreadable:
            if str(unreadable) == too_large(inner, MAX_SOURCE):
                raise Unreadable(too_large(path, MAX_SOURCE)) from None
            raise


def gathered(parts: Iterable[Part]) -> Contents:
    """Return what the parts hold together, archives in archives opened two deep."""
    contents = Contents()
    for part in parts:
        try:
            if part.file is None:
                _add_tree(contents, part.tree, part.at, 0)
            elif part.odd:
                with part.tree.opened(part.file):
                    pass
            else:
                _add_file(contents, part.tree, part.file, part.at, 0, part.shown)
        except Unreadable as unreadable:
            contents.refused.append(str(unreadable))
    return contents


def _add_tree(contents: Contents, tree: Tree, at: PurePosixPath, depth: int) -> None:
    listing = tree.listing()
    contents.odd.update({at / path: sentence for path, sentence in listing.odd.items()})
    for path in listing.files:
        _add_file(contents, tree, path, at / path, depth)
    if len(contents.files) > MAX_LOOKED_AT:
        contents.files.clear()
        raise Unreadable(
            f"the submission holds more than {MAX_LOOKED_AT:,} files: hand in source code only"
        )


def _add_file(
    contents: Contents,
    tree: Tree,
    path: PurePosixPath,
    at: PurePosixPath,
    depth: int,
    shown: str = "",
) -> None:
    ending = path.suffix.lower()
    if ending == ".zip":
        _add_archive(contents, tree, path, at, depth + 1, shown or shown_name(at))
        return
    if ending in _OTHER_ARCHIVES:
        contents.refused.append(
            f"`{shown_name(at)}` is an archive of a kind that is not opened: hand in a zip archive"
        )
    contents.files[at] = (tree, path)


def _add_archive(
    contents: Contents, tree: Tree, path: PurePosixPath, at: PurePosixPath, depth: int, shown: str
) -> None:
    contents.archives += 1
    if contents.archives > MAX_ARCHIVES:
        if contents.archives == MAX_ARCHIVES + 1:
            contents.refused.append(
                f"`{shown}` is not opened, since {MAX_ARCHIVES} archives were: hand in one"
            )
        return
    if depth > MAX_NESTED:
        contents.refused.append(
            f"`{shown}` is not opened, since it is an archive in an archive in an archive:"
            " hand in one"
        )
        return
    try:
        _add_tree(contents, open_zip(_opener(tree, path), shown), at, depth)
    except Unreadable as unreadable:
        contents.refused.append(str(unreadable))


def _opener(tree: Tree, path: PurePosixPath) -> Opener:
    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        with tree.opened(path) as file:
            yield file

    return opened
