"""Memory, processors and folders, as far as this process gets them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dlcourse.grading.machine.model import Folder, Memory, Processors
from dlcourse.grading.seeds import secret_path

if TYPE_CHECKING:
    from typing import Literal

    from dlcourse.grading.machine.cgroups import Groups

_MEMINFO: Final = Path("/proc/meminfo")
_KEEP: Final = "set `DLCOURSE_SECRET_FILE` to a file that you can write"
_TEMPORARY: Final = "set `TMPDIR` to a folder that you can write"


def memory(groups: Groups, meminfo: Path = _MEMINFO) -> Memory:
    """Return what there is, and a limit of this process's group if that is lower."""
    sizes = _sizes(meminfo)
    total, limit = sizes.get("MemTotal"), groups.memory()
    # Without a limit, the first version of control groups names a number beyond all memory.
    lower = limit if limit is not None and (total is None or limit < total) else None
    return Memory(total=total, available=sizes.get("MemAvailable"), limit=lower)


def processors(groups: Groups) -> Processors:
    """Return how many there are, and how many this process may use."""
    present = os.cpu_count() or 1
    # Not every system lets a process be bound to some of them.
    bound = getattr(os, "sched_getaffinity", None)
    return Processors(
        present=present,
        usable=present if bound is None else len(bound(0)),
        quota=groups.processors(),
    )


def folders() -> tuple[Folder, ...]:
    """Return the folders that the program writes to, each after an attempt."""
    return state_folder(), temporary_folder()


def state_folder() -> Folder:
    """Return the folder that keeps the secret of `dlcourse.grading.seeds`."""
    try:
        return _tried("state", secret_path().parent, _KEEP)
    except RuntimeError:  # how Python says that this user has no home
        return Folder(purpose="state", path="", problem=f"this user has no home; {_KEEP}")


def temporary_folder() -> Folder:
    """Return the folder that temporary files are made in."""
    try:
        return _tried("temporary", Path(tempfile.gettempdir()), _TEMPORARY)
    except FileNotFoundError:  # how Python says that it has tried all there are
        return Folder(purpose="temporary", path="", problem=f"there is none; {_TEMPORARY}")


def _tried(purpose: Literal["state", "temporary"], path: Path, remedy: str) -> Folder:
    """Make a file there, or where the folder would be made; nothing of it stays."""
    place = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    problem = None
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        problem = f"`{place}` cannot be written ({error.strerror}); {remedy}"
    free = shutil.disk_usage(place).free
    return Folder(purpose=purpose, path=str(path), free=free, problem=problem)


def _sizes(meminfo: Path) -> dict[str, int]:
    """Return the kernel's own count in bytes, by name."""
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return {"MemTotal": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")}
    words = [line.split() for line in lines]
    return {row[0].rstrip(":"): int(row[1]) << 10 for row in words if row[2:] == ["kB"]}
