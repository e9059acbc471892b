"""Seeds nobody can foresee: derived from a secret that lies outside the course.

The same run gives every student the same inputs; another run gives others; whoever holds the
secret can repeat a run by its number.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SECRET_BYTES: Final = 32
MAX_SEED: Final = 1 << 32


def new_run() -> int:
    """A number for a run that was given none."""
    return secrets.randbelow(MAX_SEED)


def derive_seed(secret: bytes, *context: str | int) -> int:
    """A 63-bit seed for `context` (run, exercise, test, purpose), by HMAC-SHA-256."""
    message = "\0".join(str(part) for part in context).encode()
    digest = hmac.digest(secret, message, "sha256")
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True)
class Secret:
    """What seeds derive from; `kept` says whether a later run will find the same one."""

    value: bytes
    kept: bool


def load_secret() -> Secret:
    """Read this user's secret, making it on first use.

    Where no file can be kept (a read-only home), the secret lasts for this run only, and the
    run's number cannot repeat it.
    """
    path = secret_path()
    try:
        return Secret(_read_secret(path) or _create_secret(path), kept=True)
    except OSError:
        return Secret(secrets.token_bytes(_SECRET_BYTES), kept=False)


def secret_path() -> Path:
    """Where this user's secret is kept: `$DLCOURSE_SECRET_FILE`, else with the user's state."""
    named = os.environ.get("DLCOURSE_SECRET_FILE")
    if named:
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "dlcourse" / "secret"


def _read_secret(path: Path) -> bytes | None:
    """The secret in `path`, stretched over its whole content; None where there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return hashlib.sha256(content).digest() if content.strip() else None


def _create_secret(path: Path) -> bytes:
    """Write a new secret that only this user can read; another process may be first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_SECRET_BYTES))
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    # An empty file, as a full disk leaves one, is in nobody's use.
    found = _read_secret(path)
    if found is None:
        draft.replace(path)
        found = _read_secret(path)
        assert found is not None, "a secret that was just written is there"
    draft.unlink(missing_ok=True)
    return found
