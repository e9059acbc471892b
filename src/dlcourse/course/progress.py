"""What a learner's folder remembers between two commands: `.dlcourse/state.json`.

The file is small, can be read by a person, and carries a version. Keys that this program does not
know are kept as they are, so that a later version may add some without raising the number.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = 1
STATE_FILE: Final = Path(".dlcourse", "state.json")
_MAX_BYTES: Final = 1 << 20


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class ExerciseProgress(_Model):
    """What is remembered of one exercise.

    `shown` names the hints that were shown, in order: `hint:1` is the first of the exercise's own,
    `mistake:ID` that of a planted mistake. `misconception` is the mistake that the last check fits.
    """

    shown: tuple[str, ...] = ()
    misconception: str | None = None


class Progress(_Model):
    """The content of the file; `exercises` by name."""

    version: Literal[1] = VERSION
    exercises: dict[str, ExerciseProgress] = {}

    def of(self, exercise: str) -> ExerciseProgress:
        """Return what is remembered of `exercise`, if only that nothing is."""
        return self.exercises.get(exercise, ExerciseProgress())

    def updated(self, changes: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return the progress with some fields of some exercises changed."""
        changed = {
            name: self.of(name).model_copy(update=dict(fields)) for name, fields in changes.items()
        }
        return self.model_copy(update={"exercises": {**self.exercises, **changed}})


class ProgressFile:
    """The progress kept in a learner's folder.

    `complaints` are sentences about what could not be read or kept; the work goes on without.
    """

    def __init__(self, folder: Path) -> None:
        self.complaints: list[str] = []
        self._path = folder / STATE_FILE
        self._is_writable = True
        self.progress = self._read()

    def keep(self, progress: Progress) -> None:
        """Write `progress`: a reader finds the old file or the new one, never a part."""
        self.progress = progress
        if not self._is_writable:
            return
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            self._path.parent.mkdir(exist_ok=True)
            _write(new, json.dumps(progress.model_dump(mode="json"), indent=2) + "\n")
            new.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            self._is_writable = False
            self.complaints.append(
                f"Nothing can be remembered in `{self._path.parent}` ({error.strerror}):"
                f" hints and checks work, but each begins anew."
            )

    def _read(self) -> Progress:
        try:
            with self._path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            return Progress()
        except OSError as error:
            self._is_writable = False
            self.complaints.append(
                f"`{self._path}` cannot be read ({error.strerror}): make it a readable file."
            )
            return Progress()
        return self._parsed(content)

    def _parsed(self, content: bytes) -> Progress:
        try:
            said = json.loads(content)
            if len(content) <= _MAX_BYTES and not self._is_newer(said):
                return Progress.model_validate(said)
        except (ValueError, ValidationError, RecursionError):
            pass
        if self._is_writable:
            self._set_aside()
        return Progress()

    def _is_newer(self, said: Any) -> bool:
        version = said.get("version") if isinstance(said, dict) else None
        if not isinstance(version, int) or version <= VERSION:
            return False
        self._is_writable = False
        self.complaints.append(
            f"`{self._path}` is of version {version}, which this program does not know and leaves"
            f" alone: type `pip install --upgrade dlcourse`."
        )
        return True

    def _set_aside(self) -> None:
        aside = self._path.with_name("state.damaged.json")
        try:
            self._path.replace(aside)
        except OSError as error:
            self._is_writable = False
            what = f"cannot be moved away ({error.strerror}): remove it"
        else:
            what = f"was set aside as `{aside.name}`, and a new one begins: remove it"
        self.complaints.append(f"`{self._path}` is damaged; it {what} when you have looked at it.")


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
