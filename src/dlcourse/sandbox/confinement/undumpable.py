"""Layer `undumpable`: other processes of the same user can neither read nor trace a worker."""

from __future__ import annotations

from dlcourse.sandbox.confinement import linux
from dlcourse.sandbox.confinement.layer import Layer, attempt

_PR_SET_DUMPABLE = 4


def apply() -> Layer:
    """Make this process one that cannot be dumped, which closes its memory to its own user."""
    return attempt("undumpable", _close)


def _close() -> str:
    linux.prctl(_PR_SET_DUMPABLE, 0)
    return "closed to other processes"
