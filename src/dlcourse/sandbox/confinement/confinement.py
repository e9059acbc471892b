"""All layers together, prepared in the fork server and put on in each worker."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlcourse.sandbox.confinement import (
    capabilities,
    no_new_privs,
    root,
    seccomp,
    session,
    undumpable,
    user,
    view,
)
from dlcourse.sandbox.confinement import limits as limits_layer
from dlcourse.sandbox.confinement.landlock import Ruleset
from dlcourse.sandbox.confinement.namespaces import Namespaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlcourse.sandbox.confinement.layer import Layer
    from dlcourse.sandbox.confinement.limits import Limits

_OWN_THREADS = Path("/proc/self/task")
# Without a view of its own, files in root's home would be out of reach for another user.
_ROOT_STAYS = "root opens files, without its other powers: another user needs namespaces"


def enter_namespaces() -> Namespaces:
    """Take the fork server apart from the machine, where that can be done together with a view.

    It has to be called before there are threads. The view itself is made by `prepare`: loading
    libraries reads what no worker needs to see.
    """
    return Namespaces.enter(rehearsal=root.build)


@dataclass(frozen=True)
class Confinement:
    """What the fork server prepares once for the workers that it forks."""

    _ruleset: Ruleset
    _around: tuple[Layer, ...]  # what holds the fork server too
    _outer_pid: int
    _keeps_root: str | None  # why a worker stays root, if it does

    @classmethod
    def prepare(
        cls, *, hidden: Sequence[Path], namespaces: Namespaces | None = None
    ) -> Confinement:
        """Reduce what can be read to the view without the `hidden` paths; `sys.path` is final.

        Raises OSError where the view, which the rehearsal could make, cannot be made again.
        """
        within = namespaces or Namespaces.none("not entered")
        is_apart = within.layer.active
        view_layer = root.reduce_to_view(hidden) if is_apart else root.without_namespaces()
        if is_apart and not view_layer.active:
            raise OSError(f"the view cannot be made: {view_layer.detail}")
        return cls(
            _ruleset=Ruleset.prepare(view.readable(hidden)),
            _around=(within.layer, view_layer),
            _outer_pid=within.outer_pid,
            _keeps_root=user.obstacle(within.outer_pid) if is_apart else _ROOT_STAYS,
        )

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
        private = user.private_user(self._outer_pid)
        return (
            *self._around,
            limits_layer.apply(limits, private),
            session.apply(),
            user.apply(private, self._keeps_root),
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
