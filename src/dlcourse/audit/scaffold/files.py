"""Files that are made new: all of them or none, and never over one that is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def create_files(root: Path, texts: Mapping[str, str]) -> None:
    """Write each text to its path relative to `root`.

    Raises:
        UsageError: a file is there already, or one cannot be written; nothing is left of others.
    """
    for file in texts:
        if os.path.lexists(root / file):
            raise UsageError(f"`{file}` is there already: move it away, or choose another name.")
    made: list[Path] = []
    try:
        for file, text in texts.items():
            _make_folder(root, root / file, made)
            with (root / file).open("x", encoding="utf-8") as opened:
                made.append(root / file)
                opened.write(text)
    except OSError as error:
        take_back(made)
        raise UsageError(_refusal(file, error)) from None


def replace_text(root: Path, file: str, text: str) -> None:
    """Give the file at `file` the content `text`, all at once.

    Raises:
        UsageError: it cannot be written.
    """
    path = root / file
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.chmod(path.stat().st_mode)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UsageError(_refusal(file, error)) from None


def take_back(made: list[Path]) -> None:
    """Remove what was made, the latest first, and folders that are empty again."""
    for path in reversed(made):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def _make_folder(root: Path, path: Path, made: list[Path]) -> None:
    missing = [folder for folder in path.parents if folder != root and not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir()
        made.append(folder)


def _refusal(file: str, error: OSError) -> str:
    return f"`{file}` cannot be written ({error.strerror}): name a course that is yours to change."
