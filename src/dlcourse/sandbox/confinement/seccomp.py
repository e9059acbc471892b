"""Layer `seccomp`: a filter on system calls, which every later thread inherits."""

from __future__ import annotations

import ctypes
import errno
import os
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from dlcourse.sandbox.confinement import bpf, linux, policy
from dlcourse.sandbox.confinement.layer import Layer, attempt
from dlcourse.sandbox.confinement.syscalls import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlcourse.sandbox.confinement.bpf import Instruction
    from dlcourse.sandbox.confinement.policy import Rule
    from dlcourse.sandbox.confinement.syscalls import Architecture

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
DENY = _ERRNO | errno.EPERM
MISSING = _ERRNO | errno.ENOSYS

_SET_MODE_FILTER = 1

# struct seccomp_data: the call's number, the architecture, the instruction, six 64-bit arguments.
_NUMBER = 0
_ARCHITECTURE = 4
_ARGUMENTS = 16
_X32_BIT = 0x40000000


class _Program(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def program_for(architecture: Architecture, pid: int) -> list[Instruction]:
    """Return the filter of the worker `pid`."""
    return [
        *_prologue(architecture),
        *_calls(policy.denied_calls(), DENY, architecture),
        *_calls(policy.ABSENT, MISSING, architecture),
        *_rules((*policy.RULES, *policy.rules_for(pid)), architecture),
        bpf.give(ALLOW),
    ]


def apply() -> Layer:
    """Load the filter, for ever."""
    return attempt("seccomp", _load)


def _load() -> str:
    install(program_for(linux.architecture(), os.getpid()))
    return f"{len(policy.denied_calls())} calls denied, {len(policy.checked_calls())} checked"


def install(instructions: list[Instruction]) -> None:
    """Put a filter on this process for ever, besides those that it has; raises OSError."""
    header = _Program(len(instructions), bpf.assemble(instructions))
    linux.call("seccomp", _SET_MODE_FILTER, 0, ctypes.addressof(header))


def _prologue(architecture: Architecture) -> list[Instruction]:
    """Kill what calls by another convention; refuse what is newer than the policy."""
    return [
        bpf.load(_ARCHITECTURE),
        bpf.skip_if_equal(architecture.audit_word, 1),
        bpf.give(KILL_PROCESS),
        bpf.load(_NUMBER),
        # x32 calls carry the architecture word of x86-64. No other call has a number so high.
        bpf.skip_unless_above(_X32_BIT - 1, 1),
        bpf.give(KILL_PROCESS),
        bpf.skip_unless_above(policy.LAST_KNOWN_CALL, 1),
        bpf.give(MISSING),
    ]


def _calls(names: Iterable[str], action: int, architecture: Architecture) -> list[Instruction]:
    """Give `action` for the calls in `names`; the accumulator holds the call's number."""
    numbers = [NUMBERS[name][architecture.column] for name in names]
    return [
        instruction
        for number in numbers
        if number is not None
        for instruction in (bpf.skip_unless_equal(number, 1), bpf.give(action))
    ]


def _rules(rules: Iterable[Rule], architecture: Architecture) -> list[Instruction]:
    """Decide the calls that `rules` name; several rules for one name must all hold."""
    program: list[Instruction] = []
    by_name = attrgetter("name")
    for name, group in groupby(sorted(rules, key=by_name), key=by_name):
        number = NUMBERS[name][architecture.column]
        if number is not None:
            checks = [instruction for rule in group for instruction in _check(rule)]
            block = [*checks, bpf.give(ALLOW)]
            program += [bpf.skip_unless_equal(number, len(block)), *block]
    return program


def _check(rule: Rule) -> list[Instruction]:
    """Deny unless the argument is one of the rule's values; go on after the check if it is."""
    count = len(rule.values)
    return [
        bpf.load(_ARGUMENTS + 8 * rule.index),  # both architectures put the low word first
        bpf.mask(rule.mask),
        # From the i-th comparison, the end of the check lies past the others and the denial.
        *(bpf.skip_if_equal(word, count - i) for i, word in enumerate(rule.values)),
        bpf.give(DENY),
    ]
