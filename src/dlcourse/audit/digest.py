"""One hash over everything of an exercise that decides how its audit ends."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dlcourse.course import Exercise


def digest_of(exercise: Exercise) -> str:
    """Return the SHA-256 of an exercise's files and of what its day says of it."""
    said = exercise.model_dump(mode="json", exclude={"root", "weight"})
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for path in _files(exercise):
        name = path.relative_to(exercise.root).as_posix()
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"\0{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(exercise: Exercise) -> Iterator[Path]:
    yield from (exercise.stub, exercise.solution, exercise.suite)
    yield from (exercise.mistakes_file, exercise.survivors_file, exercise.signatures_file)
    yield from exercise.variants
    for helper in exercise.files:
        yield exercise.stub.parent / helper
        yield exercise.solution.parent / helper
