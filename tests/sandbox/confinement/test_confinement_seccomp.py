"""The filter, run on made-up calls by an interpreter of its own language, and by the kernel."""

from __future__ import annotations

import random
import struct
from functools import cache
from typing import TYPE_CHECKING

import pytest
from confinement_probe import Attempt

from dlcourse.sandbox.confinement import policy
from dlcourse.sandbox.confinement.bpf import assemble
from dlcourse.sandbox.confinement.seccomp import ALLOW, DENY, KILL_PROCESS, MISSING, program_for
from dlcourse.sandbox.confinement.syscalls import ARCHITECTURES, NUMBERS

if TYPE_CHECKING:
    from confinement_probe import Prober

_PID = 4242
_OTHER = 4243
_MAXIMUM = 4096  # instructions; the kernel takes no more
_THREAD = 0x003D0F00  # what the C library asks of `clone` for a thread
_ORDINARY = {  # numbers of read, write, mmap, futex, exit_group, sendmsg, recvfrom
    "x86_64": (0, 1, 9, 202, 231, 46, 45),
    "aarch64": (63, 64, 222, 98, 94, 211, 207),
}

# A call, its arguments, and whether it passes.
_CHECKED = [
    ("clone", (_THREAD,), True),
    ("clone", (17,), False),  # fork: SIGCHLD alone
    ("clone", (0x4111,), False),  # vfork
    ("clone", (_THREAD | 0x10000000,), False),  # a user namespace
    ("clone", (_THREAD | 0x2000,), False),  # traced
    ("socketpair", (1, 1), True),
    ("socketpair", (1, 1 | 0o2004000), True),  # non-blocking, closed on exec
    ("socketpair", (1, 2), False),  # datagrams
    ("socketpair", (2, 1), False),  # the internet
    ("socketpair", (16, 1), False),  # the kernel
    ("openat", (0, 0, 0o2000000), True),
    ("openat", (0, 0, 0o1101), True),  # writing to a new file: Landlock's to judge
    ("openat", (0, 0, 0o1000), False),
    ("openat", (0, 0, 0o3), False),
    ("openat", (0, 0, 0o1003), False),
    ("open", (0, 0o1000), False),
    ("ioctl", (1, 0x5401), True),
    ("ioctl", (1, 0x5412), False),  # TIOCSTI
    ("ioctl", (1, 0x8901), False),  # FIOSETOWN
    ("ioctl", (1, 0x40086602), False),  # FS_IOC_SETFLAGS
    ("fcntl", (1, 1030), True),
    ("fcntl", (1, 8), False),  # F_SETOWN
    ("fcntl", (1, 10), False),  # F_SETSIG
    ("fcntl", (1, 1024), False),  # F_SETLEASE
    ("prctl", (15,), True),  # PR_SET_NAME
    ("prctl", (1,), False),  # PR_SET_PDEATHSIG
    ("prctl", (4,), False),  # PR_SET_DUMPABLE
    ("prctl", (22,), False),  # PR_SET_SECCOMP
    ("clock_gettime", (3,), True),
    ("clock_gettime", ((~_OTHER << 3 | 2) & 0xFFFFFFFF,), False),
    ("kill", (_PID, 9), True),
    ("kill", (_OTHER, 9), False),
    ("kill", (0, 9), False),
    ("kill", (0xFFFFFFFF, 9), False),
    ("kill", (2**32 - _PID, 9), False),
    ("tgkill", (_PID, _OTHER, 6), True),
    ("tgkill", (_OTHER, _OTHER, 6), False),
    ("tkill", (_OTHER, 6), False),
    ("rt_sigqueueinfo", (_OTHER, 6), False),
    ("rt_tgsigqueueinfo", (_OTHER, _PID, 6), False),
    ("prlimit64", (0,), True),
    ("prlimit64", (_PID,), True),
    ("prlimit64", (_OTHER,), False),
    ("sched_setaffinity", (0,), True),
    ("sched_setaffinity", (_OTHER,), False),
    ("setpriority", (0, 0), True),
    ("setpriority", (0, _OTHER), False),
    ("setpriority", (1, 0), False),
    ("setpriority", (2, 0), False),
]

_names = pytest.mark.parametrize("name", ARCHITECTURES)


@_names
@pytest.mark.parametrize("call", policy.denied_calls())
def test_a_denied_call_is_refused(name: str, call: str) -> None:
    """A call that stands in the policy gives EPERM, whatever its arguments."""
    number = NUMBERS[call][ARCHITECTURES[name].column]
    if number is not None:
        assert _judge(name, number) == DENY
        assert _judge(name, number, (_PID,) * 6) == DENY


@_names
@pytest.mark.parametrize(("call", "arguments", "passes"), _CHECKED)
def test_arguments_decide(
    name: str, call: str, arguments: tuple[int, ...], *, passes: bool
) -> None:
    """A call with a harmless use passes with that use's arguments only."""
    number = NUMBERS[call][ARCHITECTURES[name].column]
    if number is not None:
        assert _judge(name, number, arguments) == (ALLOW if passes else DENY)
        # The kernel looks at 32 bits of these arguments, so the others must not matter.
        high = tuple(argument | 0xABCD << 32 for argument in arguments)
        assert _judge(name, number, high) == (ALLOW if passes else DENY)


def test_every_checked_call_is_tried_above_or_like_one_that_is() -> None:
    """A rule cannot be added to the policy without a thought about its test."""
    tried = {call for call, _, _ in _CHECKED}
    alike = {"sched_setscheduler", "sched_setparam", "sched_setattr", "getpgid", "getsid"}
    assert policy.checked_calls() - tried == alike | {"getpriority"}


@_names
@pytest.mark.parametrize("number", range(7))
def test_an_ordinary_call_passes(name: str, number: int) -> None:
    """The list denies; it does not ask what a program is."""
    assert _judge(name, _ORDINARY[name][number]) == ALLOW


@_names
def test_calls_behind_pointers_and_newer_ones_do_not_exist(name: str) -> None:
    """The C library falls back to calls whose flags a filter can see."""
    for call in policy.ABSENT:
        number = NUMBERS[call][ARCHITECTURES[name].column]
        assert number is not None
        assert _judge(name, number) == MISSING
    assert _judge(name, policy.LAST_KNOWN_CALL) == ALLOW
    assert _judge(name, policy.LAST_KNOWN_CALL + 1) == MISSING


@_names
def test_another_convention_kills(name: str) -> None:
    """Numbers mean other calls on another architecture, and under x32."""
    i386 = 0x40000003
    assert _run(name, struct.pack("<iIQ6Q", 1, i386, 0, *(0,) * 6)) == KILL_PROCESS
    assert _judge(name, 0x40000000 + 1) == KILL_PROCESS


@_names
def test_every_call_gets_one_of_four_answers(name: str) -> None:
    """No path runs out of the program, which fits into the kernel's bound."""
    draw = random.Random(7)  # noqa: S311 - made-up arguments, no secret
    for number in range(600):
        arguments = tuple(draw.choice((0, 1, _PID, draw.getrandbits(64))) for _ in range(6))
        assert _judge(name, number, arguments) in {ALLOW, DENY, MISSING}
    assert len(program_for(ARCHITECTURES[name], _PID)) < _MAXIMUM


def test_the_kernel_denies_the_same_calls(prober: Prober) -> None:
    """On this machine each denied number gives EPERM for real."""
    reply = prober.probe(Attempt("find_undenied_calls"))
    if not reply.layers["seccomp"]["active"]:
        pytest.skip(f"this machine has no seccomp: {reply.layers['seccomp']['detail']}")
    assert reply.outcomes[0].value == []


def _judge(name: str, number: int, arguments: tuple[int, ...] = ()) -> int:
    """Return the filter's answer to a call on the architecture `name`."""
    words = (*arguments, *(0,) * (6 - len(arguments)))
    word = ARCHITECTURES[name].audit_word
    return _run(name, struct.pack("<iIQ6Q", number, word, 0, *words))


def _run(name: str, data: bytes) -> int:
    """Interpret the assembled program as the kernel would."""
    instructions = _instructions(name)
    accumulator = place = 0
    while True:
        code, if_true, if_false, word = instructions[place]
        place += 1
        match code:
            case 0x20:  # load a word
                (accumulator,) = struct.unpack_from("<I", data, word)
            case 0x54:  # and
                accumulator &= word
            case 0x15:  # jump if equal
                place += if_true if accumulator == word else if_false
            case 0x25:  # jump if above
                place += if_true if accumulator > word else if_false
            case 0x06:  # return
                return int(word)
            case _:
                raise AssertionError(f"no such operation: {code:#x}")


@cache
def _instructions(name: str) -> list[tuple[int, ...]]:
    program = assemble(program_for(ARCHITECTURES[name], _PID))
    return list(struct.iter_unpack("=HBBI", program))
