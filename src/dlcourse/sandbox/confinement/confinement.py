"""All layers together, prepared in the fork server and put on in each worker."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlcourse.sandbox.confinement import (
    capabilities,
    no_new_privs,
    seccomp,
    session,
    undumpable,
    view,
)
from dlcourse.sandbox.confinement import limits as limits_layer
from dlcourse.sandbox.confinement.landlock import Ruleset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlcourse.sandbox.confinement.layer import Layer
    from dlcourse.sandbox.confinement.limits import Limits

_OWN_THREADS = Path("/proc/self/task")


@dataclass(frozen=True)
class Confinement:
    """What the fork server prepares once for the workers that it forks."""

    _ruleset: Ruleset

    @classmethod
    def prepare(cls, *, hidden: Sequence[Path]) -> Confinement:
        """Compute the readable view without the `hidden` paths; `sys.path` is final by now."""
        return cls(Ruleset.prepare(view.readable(hidden)))

    @property
    def keep_fds(self) -> tuple[int, ...]:
        """The descriptors that must stay open from the fork to `confine`."""
        descriptor = self._ruleset.descriptor
        return () if descriptor is None else (descriptor,)

    def confine(self, limits: Limits) -> tuple[Layer, ...]:
        """Put every layer on, for ever, and say which of them hold.

        A wish to die with the parent must have been made before: afterwards it can neither be
        made nor taken back. Limits read `/proc` and need root's rights, so they come first;
        Landlock and seccomp, which forbid what the others do, come last.

        Raises:
            RuntimeError: This process has a second thread, which would stay outside Landlock.
        """
        _require_one_thread()
        return (
            limits_layer.apply(limits),
            session.apply(),
            undumpable.apply(),
            no_new_privs.apply(),
            capabilities.apply(),
            self._ruleset.apply(),
            seccomp.apply(),
        )


def _require_one_thread() -> None:
    count = _count_threads()
    if count > 1:
        raise RuntimeError(
            f"`confine` found {count} threads, and Landlock holds only the one that calls it: "
            "call it right after the fork."
        )


def _count_threads() -> int:
    try:
        return len(list(_OWN_THREADS.iterdir()))
    except OSError:
        # Without `/proc`, only Python's own threads are known.
        return threading.active_count()
