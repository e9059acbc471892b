"""Starts a program on a weaker machine: `deny_calls.py ERRNO CALL,CALL,… PROGRAM ARGUMENT…`.

Each CALL then fails with ERRNO in the program and in all that it starts, as it does on a kernel
without it (ENOSYS) or in a container that forbids it (EPERM).
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

from dlcourse.sandbox.confinement import bpf, linux, no_new_privs
from dlcourse.sandbox.confinement.syscalls import NUMBERS

_SET_MODE_FILTER = 1
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000


class _Program(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def deny(code: int, calls: list[str]) -> None:
    """Let `calls` fail with the error number `code` from now on."""
    no_new_privs.apply()
    numbers = [NUMBERS[name][linux.architecture().column] for name in calls]
    checks = [
        instruction
        for number in numbers
        if number is not None
        for instruction in (bpf.skip_unless_equal(number, 1), bpf.give(_ERRNO | code))
    ]
    program = bpf.assemble([bpf.load(0), *checks, bpf.give(_ALLOW)])
    header = _Program(len(program) // bpf.SIZE, program)
    linux.call("seccomp", _SET_MODE_FILTER, 0, ctypes.addressof(header))


if __name__ == "__main__":
    name, calls, *command = sys.argv[1:]
    deny(getattr(errno, name), calls.split(","))
    os.execv(command[0], command)  # noqa: S606 - as the test says, with no shell between
