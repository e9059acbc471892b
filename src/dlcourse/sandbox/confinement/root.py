"""Layer `view`: a file system that holds the view and nothing else, all of it read-only.

What is not in it has no name there: no home, no course, no submission. Landlock restricts reading
within it further.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dlcourse.sandbox.confinement import mounts, view
from dlcourse.sandbox.confinement.layer import Layer, attempt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME = "view"
_DEVICES = ("null", "zero", "full", "random", "urandom")
_STAGE = Path("/tmp")  # noqa: S108 - covered in this process's own namespace, never written to
_OLD = Path("/old")
_NEW = Path("/new")
_MOST_LINKS = 40  # as many as the kernel follows


def reduce_to_view(hidden: Sequence[Path]) -> Layer:
    """Make the view, without the `hidden` paths, all that this process's namespace holds."""
    return attempt(_NAME, lambda: build(hidden))


def without_namespaces() -> Layer:
    """The layer where the machine's own file system stays in sight."""
    return Layer(_NAME, active=False, detail="needs namespaces")


def build(hidden: Sequence[Path] = ()) -> str:
    """Mount the view and make it the root; raises OSError, with the file system half changed."""
    secrets = view.secrets(hidden)
    roots = [path for path in view.roots() if secrets.isdisjoint({path, *path.parents})]
    links = [(link, link.readlink()) for entry in view.entries() for link in links_to(entry)]
    os.umask(0o022)  # the folders made here must be open to whoever a worker becomes
    _set_stage()
    for path in roots:
        _show(path, mounts.READ_ONLY | mounts.NO_SUID | mounts.NO_DEVICES)
    for name in _DEVICES:
        _show(Path("/dev", name), mounts.READ_ONLY | mounts.NO_SUID | mounts.NO_PROGRAMS)
    for link, target in links:
        _link(link, target)
    for path in secrets:
        _cover(_NEW / path.relative_to("/"))
    _add_own_folders()
    _enter()
    return f"{len(roots)} paths, read-only"


def _set_stage() -> None:
    """Give the new root a place beside the old one, which it is filled from."""
    mounts.make_private()
    mounts.mount_memory(_STAGE, "mode=755,size=1m")
    for folder in (_OLD, _NEW):
        (_STAGE / folder.relative_to("/")).mkdir()
    mounts.exchange_root(_STAGE, _STAGE / _OLD.relative_to("/"))
    os.chdir("/")
    mounts.bind(_NEW, _NEW)


def _show(path: Path, attributes: int) -> None:
    """Mount a path of the old root at the same place in the new one."""
    source = _OLD / path.relative_to("/")
    target = _NEW / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    mounts.bind(source, target)
    mounts.restrict(target, attributes)


def _link(link: Path, target: Path) -> None:
    """Make a symbolic link in the new root, unless what was mounted there brought it along."""
    place = _NEW / link.relative_to("/")
    if place.is_symlink():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def links_to(path: Path) -> Iterator[Path]:
    """Yield every symbolic link that is followed on the way to an absolute `path`.

    Each is named by its real folder.
    """
    real, ahead = Path("/"), list(path.parts[1:])
    followed = 0
    while ahead and followed < _MOST_LINKS:
        part = ahead.pop(0)
        step = real.parent if part == ".." else real / part
        if not step.is_symlink():
            real = step
            continue
        followed += 1
        yield step
        target = step.readlink()
        real = Path("/") if target.is_absolute() else real
        ahead[:0] = target.parts[1:] if target.is_absolute() else target.parts


def _cover(path: Path) -> None:
    """Put something empty over a path of the new root, if it is there."""
    if path.is_dir():
        mounts.mount_memory(path, "mode=755,size=4k,nr_inodes=1,ro")
    elif path.exists():
        mounts.bind(_NEW / "dev/null", path)


def _add_own_folders() -> None:
    """Add `/proc` of the new namespace, and `/tmp`, which is named here and there, empty."""
    for name in ("proc", "tmp"):
        (_NEW / name).mkdir(exist_ok=True)
    mounts.mount_processes(_NEW / "proc")
    mounts.restrict(_NEW / "proc", mounts.READ_ONLY)


def _enter() -> None:
    os.chdir(_NEW)
    mounts.detach(_OLD)
    mounts.drop_root()
    mounts.restrict("/", mounts.READ_ONLY | mounts.NO_SUID | mounts.NO_DEVICES, below=False)
