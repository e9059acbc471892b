"""Become a user and take away what a machine without a tier of confinement lacks; then run.

    python attack_entry.py '{"user": 65534, "tier": "confined", "readable": [], "program": []}'

`tier` is the strongest that is to be had: `sandboxed` takes nothing away, `confined` is what
Docker's default profile leaves, and for `none` Landlock and seccomp are missing as well. `user` is
null for whoever starts this; another one is reached by root alone. The `readable` folders may then
lie in a private home: all else there stays closed. Where `program` is empty, it says which tier is
to be had.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, Final

from dlcourse.sandbox.confinement import bpf, linux, seccomp
from dlcourse.sandbox.confinement.syscalls import NUMBERS

_ERROR: Final = 0x00050000
_ARCHITECTURE: Final = 4  # offsets into `struct seccomp_data`
_NUMBER: Final = 0
_FIRST_ARGUMENT: Final = 16

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEW: Final = 0x7E020000
_PRIVATE_TREE: Final = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE
_BOUND_TREE: Final = 0x4000 | 0x1000  # MS_REC | MS_BIND

_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
# chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw,
# sys_chroot, mknod, audit_write, setfcap: what root in a container keeps.
_KEPT_CAPABILITIES: Final = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}

# What Docker's default profile refuses without further capabilities.
_REFUSED: Final = """
    acct add_key bpf clock_adjtime clock_settime delete_module finit_module fsconfig fsmount fsopen
    fspick init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp
    kexec_file_load kexec_load keyctl lookup_dcookie migrate_pages mount mount_setattr move_mount
    move_pages nfsservctl open_by_handle_at open_tree perf_event_open personality pivot_root
    quotactl quotactl_fd reboot request_key sethostname setns settimeofday swapoff swapon syslog
    umount2 unshare userfaultfd uselib vhangup
"""
_CONFINING: Final = "landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"


def enter(user: int | None, tier: str, readable: list[str]) -> None:
    """Become `user` on a machine that can give `tier`; this lasts."""
    if user is not None:
        reveal([Path(path) for path in readable])
    if tier != "sandboxed":
        _drop_capabilities()
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if tier != "sandboxed":
        linux.prctl(_PR_SET_NO_NEW_PRIVS, 1)
        seccomp.install(profile(tier))


def reveal(paths: list[Path]) -> None:
    """Make `paths` reachable for everyone, in this process's own view of the file system.

    A folder on the way that is closed to others gets an empty one in its place, which holds the
    paths alone. Nothing is copied.
    """
    linux.call("unshare", _CLONE_NEWNS)
    linux.call("mount", b"none", b"/", None, _PRIVATE_TREE, None)
    held = [(path, os.open(path, os.O_PATH)) for path in sorted(path.resolve() for path in paths)]
    for closed in {_closed_above(path) for path, _ in held} - {None}:
        linux.call("mount", b"tmpfs", os.fsencode(str(closed)), b"tmpfs", 0, b"mode=755")
    for path, descriptor in held:
        if not path.exists():
            path.mkdir(parents=True)
            source = f"/proc/self/fd/{descriptor}".encode()
            linux.call("mount", source, os.fsencode(path), None, _BOUND_TREE, None)
        os.close(descriptor)


def _closed_above(path: Path) -> Path | None:
    """The outermost folder above `path` that others cannot pass through."""
    above = reversed(path.parents)
    return next((folder for folder in above if not folder.stat().st_mode & stat.S_IXOTH), None)


def _drop_capabilities() -> None:
    """Keep what root in a container keeps, from the next program on."""
    for capability in itertools.count():
        if capability not in _KEPT_CAPABILITIES:
            try:
                linux.prctl(_PR_CAPBSET_DROP, capability)
            except OSError:  # past the last one, or an ordinary user, who has none to lose
                return


def profile(tier: str) -> list[bpf.Instruction]:
    """The filter for a machine whose strongest tier is `tier`, which is not `sandboxed`."""
    architecture = linux.architecture()

    def number(name: str) -> int | None:
        return NUMBERS[name][architecture.column]

    def refuse(names: str, error: int) -> list[bpf.Instruction]:
        numbers = [found for name in names.split() if (found := number(name)) is not None]
        return [part for word in numbers for part in _refusal(word, error)]

    unconfined = refuse(_CONFINING, errno.ENOSYS) if tier == "none" else []
    return [
        bpf.load(_ARCHITECTURE),
        bpf.skip_if_equal(architecture.audit_word, 1),
        bpf.give(seccomp.ALLOW),
        bpf.load(_NUMBER),
        *refuse(_REFUSED, errno.EPERM),
        *refuse("clone3", errno.ENOSYS),
        *unconfined,
        *(_prctl_refusal(number("prctl")) if tier == "none" else ()),
        *_namespace_refusal(number("clone")),
        bpf.give(seccomp.ALLOW),
    ]


def _refusal(number: int, error: int) -> tuple[bpf.Instruction, ...]:
    return bpf.skip_unless_equal(number, 1), bpf.give(_ERROR | error)


def _prctl_refusal(number: int | None) -> list[bpf.Instruction]:
    """Refuse the older way to load a filter."""
    assert number is not None
    return [
        bpf.skip_unless_equal(number, 4),
        bpf.load(_FIRST_ARGUMENT),
        *_refusal(_PR_SET_SECCOMP, errno.EINVAL),
        bpf.give(seccomp.ALLOW),
    ]


def _namespace_refusal(number: int | None) -> list[bpf.Instruction]:
    """Refuse to make processes in new namespaces."""
    assert number is not None
    return [
        bpf.skip_unless_equal(number, 5),
        bpf.load(_FIRST_ARGUMENT),
        bpf.mask(_CLONE_NEW),
        bpf.skip_if_equal(0, 1),
        bpf.give(_ERROR | errno.EPERM),
        bpf.give(seccomp.ALLOW),
    ]


def strongest() -> str:
    """The tier that this process could confine workers to."""
    if _can_unshare():
        return "sandboxed"
    try:
        linux.call("landlock_create_ruleset", None, 0, 1)
    except OSError:
        return "none"
    return "confined"


def _can_unshare() -> bool:
    """Whether namespaces can be had, by root as root and by others through one for users."""
    user = 0 if os.geteuid() == 0 else _CLONE_NEWUSER
    pid = os.fork()
    if not pid:
        try:
            linux.call("unshare", user | _CLONE_NEWNS)
            linux.call("mount", b"none", b"/", None, _PRIVATE_TREE, None)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _main() -> None:
    request: dict[str, Any] = json.loads(sys.argv[1])
    program: list[str] = request["program"]
    try:
        enter(request["user"], request["tier"], request["readable"])
    except OSError as error:
        if program:
            raise
        print(f"nothing: {error}")  # noqa: T201 - the answer
        return
    if program:
        os.execv(program[0], program)  # noqa: S606 - what the tests ask for
    print(strongest())  # noqa: T201 - the answer


if __name__ == "__main__":
    _main()
