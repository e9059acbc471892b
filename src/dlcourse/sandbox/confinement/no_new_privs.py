"""Layer `no_new_privs`: no program can give this process rights that it lacks."""

from __future__ import annotations

from dlcourse.sandbox.confinement import linux
from dlcourse.sandbox.confinement.layer import Layer, attempt

_PR_SET_NO_NEW_PRIVS = 38


def apply() -> Layer:
    """Give up new rights for ever; Landlock and seccomp ask for it from an ordinary user."""
    return attempt("no_new_privs", _set)


def _set() -> str:
    linux.prctl(_PR_SET_NO_NEW_PRIVS, 1)
    return "set"
