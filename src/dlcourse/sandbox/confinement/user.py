"""Layer `user`: graded code does not run as root."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from dlcourse.sandbox.confinement import capabilities, linux, view
from dlcourse.sandbox.confinement.layer import Layer, attempt

_NAME = "user"
# Above the ranges that people, services and containers are given, and below 2^31.
_FIRST_PRIVATE = 0x70000000
_WORKERS = 64  # of one server, at a time, that surely have different users
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8


def private_user(outer_pid: int) -> int:
    """Return a user id that no other live worker and nobody else has.

    `outer_pid` is the server's number in the machine's own namespace; workers are told apart by
    their numbers.
    """
    return _FIRST_PRIVATE + (outer_pid % (1 << 22)) * _WORKERS + os.getpid() % _WORKERS


def apply(private: int, obstacle: str | None) -> Layer:
    """Leave root for good and become the user `private`, unless there is an `obstacle`.

    An ordinary user stays who he is.
    """
    if os.geteuid() != 0:
        return Layer(_NAME, active=True, detail="an ordinary one")
    if obstacle is not None:
        return Layer(_NAME, active=False, detail=obstacle)
    return attempt(_NAME, lambda: become(private))


def obstacle(outer_pid: int) -> str | None:
    """Return why this machine's workers must stay root, found by trying; None where nothing does.

    A view of root's own files may be one that root alone can read.
    """
    if os.geteuid() != 0:
        return None
    pid = os.fork()
    if not pid:
        _try(private_user(outer_pid))
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) == 0:
        return None
    return "the interpreter's files can be read by root only"


def _try(private: int) -> NoReturn:
    """Be the process that tries: end with 0 if the view can be read by somebody else."""
    code = 1
    try:
        become(private)
        for path in (*map(str, view.roots()), *_loaded_files()):
            # Some modules name a file that never was.
            with suppress(FileNotFoundError):
                os.close(os.open(path, os.O_RDONLY))
        code = 0
    except OSError:
        pass
    finally:
        os._exit(code)


def _loaded_files() -> list[str]:
    """The files that modules were loaded from: what is imported later lies beside them."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return [file for file in files if isinstance(file, str)]


def become(private: int) -> str:
    """Give up root's user and groups, real, effective and saved."""
    signal = linux.parent_death_signal()
    capabilities.clear_bounding()
    linux.prctl(_PR_SET_KEEPCAPS, 0)
    os.setgroups([])
    os.setresgid(private, private, private)
    os.setresuid(private, private, private)
    # Becoming another user takes back the wish to die with the parent.
    linux.prctl(_PR_SET_PDEATHSIG, signal)
    return "a private one"
