"""Confinement: after it, graded code changes and learns nothing outside itself.

The fork server calls `enter_namespaces` before it has threads, and `Confinement.prepare` once it
has loaded; both change what the server itself can see. Each worker calls `confine` after the fork
and before the first line of graded code; there is no way back. Each mechanism is one layer, named
in the report, and a machine that lacks one says so there.
"""

from __future__ import annotations

from dlcourse.sandbox.confinement.confinement import Confinement, enter_namespaces
from dlcourse.sandbox.confinement.descriptors import close_descriptors
from dlcourse.sandbox.confinement.layer import Layer
from dlcourse.sandbox.confinement.limits import Limits

__all__ = ["Confinement", "Layer", "Limits", "close_descriptors", "enter_namespaces"]
