"""The view: what a worker may read, which is Python, its packages and the system's libraries."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
# An installed program carries its course, suites and solutions with it.
_INSTALLED_COURSE = Path(__file__).resolve().parents[2] / "_course"


@dataclass(frozen=True)
class Grant:
    """A path that may be read with all beneath it, or, with `names_only`, only listed."""

    path: Path
    names_only: bool = False


def readable(hidden: Sequence[Path]) -> tuple[Grant, ...]:
    """Return the view of this interpreter without the `hidden` paths and all beneath them.

    A view can only add, so a folder that holds something hidden is granted child by child. Its
    names stay visible, since imports list the folders on `sys.path`; so do the names beneath it,
    but no contents of what is hidden.
    """
    secret = secrets(hidden)
    return tuple(grant for root in roots() for grant in _grants(root, secret))


def secrets(hidden: Sequence[Path]) -> set[Path]:
    """Return the real paths that no worker may read, wherever the view would hold them."""
    return {path.resolve() for path in (*hidden, _INSTALLED_COURSE)}


def entries() -> list[Path]:
    """Return what the view is made of, as this process names it: perhaps through links."""
    # An empty entry on `sys.path` means the current folder, which may be anything.
    named = (sys.base_prefix, sys.prefix, sys.executable, *_SYSTEM, *filter(None, sys.path))
    return [Path(entry) for entry in named]


def roots() -> list[Path]:
    """Return the real folders and files of the view, none of them beneath another."""
    found = [path for entry in entries() for path in _existing(entry)]
    # As a root, the root folder would grant everything.
    return _outermost(path for path in found if path != path.parent)


def _existing(path: Path) -> list[Path]:
    """Return the real path, or nothing where none can be reached."""
    try:
        return [path.resolve(strict=True)]
    except OSError:
        return []


def _outermost(roots: Iterable[Path]) -> list[Path]:
    """Return the roots that lie beneath no other one."""
    unique = set(roots)
    return sorted(root for root in unique if unique.isdisjoint(root.parents))


def _grants(path: Path, secret: set[Path]) -> Iterator[Grant]:
    """Yield what grants `path` without the secret paths."""
    if path in secret or not secret.isdisjoint(path.parents):
        return
    if not any(hidden.is_relative_to(path) for hidden in secret):
        yield Grant(path)
        return
    yield Grant(path, names_only=True)
    for child in _children(path):
        # What a link leads to lies in the view by its own path, or does not belong there.
        if not child.is_symlink():
            yield from _grants(child, secret)


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
