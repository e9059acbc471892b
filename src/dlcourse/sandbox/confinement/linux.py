"""The few Linux calls that Python does not offer, as functions that raise `OSError`."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from dlcourse.sandbox.confinement.syscalls import ARCHITECTURES, NUMBERS

if TYPE_CHECKING:
    from dlcourse.sandbox.confinement.syscalls import Architecture

_PR_GET_PDEATHSIG = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


@functools.cache
def architecture() -> Architecture:
    """Return this process's architecture; `OSError` where the system call numbers are unknown."""
    system = os.uname()
    if system.sysname != "Linux":
        raise OSError(errno.ENOSYS, f"needs Linux, and this is `{system.sysname}`")
    # A 32-bit interpreter on a 64-bit kernel makes other calls than the machine's name says.
    if system.machine not in ARCHITECTURES or sys.maxsize < 1 << 32:
        raise OSError(errno.ENOSYS, f"no table of system calls for `{system.machine}`")
    return ARCHITECTURES[system.machine]


def call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make the system call `name`."""
    number = NUMBERS[name][architecture().column]
    if number is None:
        raise OSError(errno.ENOSYS, f"`{name}` does not exist on this architecture")
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *words)
    if result == -1:
        _refuse(name)
    return result


def prctl(option: int, *arguments: int) -> int:
    """Make the `prctl` call, whose missing arguments are zero."""
    return call("prctl", option, *arguments, *(0,) * (4 - len(arguments)))


def parent_death_signal() -> int:
    """Return the signal that this process gets when its parent ends; 0 for none."""
    number = ctypes.c_int()
    prctl(_PR_GET_PDEATHSIG, ctypes.addressof(number))
    return number.value


def _refuse(name: str) -> NoReturn:
    code = ctypes.get_errno()
    raise OSError(code, f"`{name}` failed: {os.strerror(code)}")
