"""What decides how a submission's exercise is graded, as one hash: equal keys, equal reports."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from dlcourse import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dlcourse.course import Exercise
    from dlcourse.sandbox.tier import Tier

_FORMAT: Final = 1
_DECIDING: Final = {"name", "day", "title", "forbidden", "devices", "files"}


@dataclass(frozen=True)
class Setting:
    """What holds for a whole class: the number of the run, how graded code is held, the machine.

    `secret` is what seeds derive from, in hexadecimal; it enters the key through a hash alone.
    """

    run: int
    secret: str
    tier: Tier
    device: str = "cpu"
    isolation: str = "exercise"

    def digest(self) -> str:
        """Return the SHA-256 of the setting and of the programs that grade here."""
        said = {
            **asdict(self),
            "format": _FORMAT,
            "dlcourse": __version__,
            "python": platform.python_version(),
            "torch": version("torch"),
            "platform": f"{platform.system()} {platform.machine()}",
        }
        return _hashed(json.dumps(said, sort_keys=True).encode())


def content_digest(sources: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of a submission's files, each under its module's name."""
    parts = [(name.encode(), content) for name, content in sorted(sources.items())]
    return _hashed(*(piece for pair in parts for piece in pair))


def exercise_digest(exercise: Exercise) -> str:
    """Return the SHA-256 of all that belongs to an exercise and decides its reports.

    That are suite, solution with its helper files, mistakes and signatures, and the part of its
    entry in `day.toml` that a report shows or rests on.
    """
    said = exercise.model_dump(mode="json", include=_DECIDING)
    files = [
        exercise.suite,
        exercise.solution,
        exercise.mistakes_file,
        exercise.signatures_file,
        *(exercise.solution.parent / helper for helper in exercise.files),
    ]
    return _hashed(json.dumps(said, sort_keys=True).encode(), *map(_content, files))


def report_key(content: str, exercise: str, setting: str) -> str:
    """Return the key of a report, from the digests of the files, the exercise and the setting."""
    return _hashed(content.encode(), exercise.encode(), setting.encode())


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _hashed(*parts: bytes) -> str:
    """One hash over parts, each with its length, so that no two lists of parts are alike."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}\0".encode())
        digest.update(part)
    return digest.hexdigest()
