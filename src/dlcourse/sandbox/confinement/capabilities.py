"""Layer `capabilities`: a worker started by root has none of root's rights over the machine."""

from __future__ import annotations

import itertools
import struct

from dlcourse.sandbox.confinement import linux
from dlcourse.sandbox.confinement.layer import Layer, attempt

_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_VERSION_3 = 0x20080522
_OWN_SETS = struct.pack("=Ii", _VERSION_3, 0)
_SETS_BYTES = 24  # effective, permitted and inheritable, each in two 32-bit halves


def apply() -> Layer:
    """Empty every capability set: bounding, ambient, effective, permitted and inheritable."""
    return attempt("capabilities", _drop)


def _drop() -> str:
    clear_bounding()
    linux.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    linux.call("capset", _OWN_SETS, bytes(_SETS_BYTES))
    return "none held"


def clear_bounding() -> None:
    """Let no program give a capability back."""
    for capability in itertools.count():
        try:
            linux.prctl(_PR_CAPBSET_DROP, capability)
        except OSError:
            # EINVAL: past the last one. EPERM: an ordinary user, who has nothing to bound.
            return
