"""Starts a program on a weaker machine: `deny_calls.py ERRNO CALL,CALL,… PROGRAM ARGUMENT…`.

Each CALL then fails with ERRNO in the program and in all that it starts, as it does on a kernel
without it (ENOSYS) or in a container that forbids it (EPERM).
"""

from __future__ import annotations

import errno
import os
import sys

from dlcourse.sandbox.confinement import bpf, linux, no_new_privs, seccomp
from dlcourse.sandbox.confinement.syscalls import NUMBERS

_ERRNO = 0x00050000


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
    seccomp.install([bpf.load(0), *checks, bpf.give(seccomp.ALLOW)])


if __name__ == "__main__":
    name, calls, *command = sys.argv[1:]
    deny(getattr(errno, name), calls.split(","))
    os.execv(command[0], command)  # noqa: S606 - as the test says, with no shell between
