"""Which system calls a worker may not make, as data.

What is left lets torch, numpy, threads and asyncio work. What is denied could reach another
process, another file, the network or the kernel, also where a second layer would stop it: a kernel
may lack that layer, and root is harmed most.
"""

from __future__ import annotations

from dataclasses import dataclass

DENIED: dict[str, str] = {
    "start a program or a process": "execve execveat fork vfork uselib",
    "look into or steer another process": """
        ptrace process_vm_readv process_vm_writev kcmp process_madvise process_mrelease
        migrate_pages move_pages pidfd_open pidfd_getfd pidfd_send_signal perf_event_open
        get_robust_list ioprio_set ioprio_get
    """,
    "reach the network or a local service": """
        socket connect bind listen accept accept4
    """,
    "share memory or messages by name": """
        shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl
        mq_open mq_unlink mq_notify memfd_create memfd_secret keyctl add_key request_key
    """,
    "change a file's attributes, which Landlock leaves to its owner": """
        chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat
        futimesat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr flock
    """,
    "read extended attributes, which Landlock does not cover": """
        getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    """,
    "change names and sizes in the file system": """
        link linkat symlink symlinkat rename renameat renameat2 unlink unlinkat mkdir mkdirat
        rmdir mknod mknodat truncate ftruncate
    """,
    "reach a file past its path, or watch it": """
        open_by_handle_at name_to_handle_at inotify_init inotify_init1 inotify_add_watch
        fanotify_init fanotify_mark
    """,
    "change or learn what is mounted": """
        mount umount2 pivot_root chroot move_mount open_tree fsopen fsmount fsconfig fspick
        mount_setattr statmount listmount quotactl quotactl_fd swapon swapoff sync syncfs
    """,
    "enter another namespace or become another user": """
        unshare setns setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid
        setgroups personality
    """,
    "change or learn what the kernel does": """
        bpf userfaultfd io_uring_setup io_uring_enter io_uring_register kexec_load
        kexec_file_load init_module finit_module delete_module reboot acct syslog settimeofday
        clock_settime clock_adjtime adjtimex sethostname setdomainname lookup_dcookie nfsservctl
        vhangup iopl ioperm modify_ldt lsm_set_self_attr lsm_get_self_attr lsm_list_modules
    """,
    "use up what the whole machine has few of": "io_setup",
    "change the confinement": """
        seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
    """,
}
"""Why a group of calls gives EPERM, and their names."""

ABSENT = ("clone3", "openat2")
"""Calls that give ENOSYS: their flags stand behind a pointer, which a filter cannot follow.

The C library then falls back to `clone` and `openat`, whose flags can be seen.
"""

LAST_KNOWN_CALL = 462
"""Calls with higher numbers, after `mseal`, give ENOSYS, as on a kernel that lacks them."""


@dataclass(frozen=True)
class Rule:
    """The call `name` passes only if argument `index`, under `mask`, is one of `values`.

    Only the low 32 bits are compared: each argument named here is an `int` to the kernel, which
    does not look at the others.
    """

    name: str
    index: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF


_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020000  # every namespace that `clone` can make
_CLONE_PTRACE = 0x00002000
_AF_UNIX = 1
_SOCK_STREAM = 1
_SOCK_TYPE = 0xF  # the rest of the word is SOCK_NONBLOCK and SOCK_CLOEXEC
_O_ACCMODE = 0o3
_O_TRUNC = 0o1000
_OPENINGS = (0, 1, 2, 1 | _O_TRUNC, 2 | _O_TRUNC)
_IOCTLS = (
    *(0x5401, 0x5413),  # TCGETS, TIOCGWINSZ: is this a terminal, and how wide
    *(0x541B, 0x5421),  # FIONREAD, FIONBIO
    *(0x5450, 0x5451),  # FIONCLEX, FIOCLEX
)
_FCNTLS = (
    *(0, 1030),  # F_DUPFD, F_DUPFD_CLOEXEC
    *(1, 2, 3, 4),  # F_GETFD, F_SETFD, F_GETFL, F_SETFL
    1032,  # F_GETPIPE_SZ
)
_PRCTLS = (
    *(2, 3),  # PR_GET_PDEATHSIG, PR_GET_DUMPABLE
    *(15, 16),  # PR_SET_NAME, PR_GET_NAME
    *(21, 23, 30, 39),  # PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_TIMERSLACK, PR_GET_NO_NEW_PRIVS
    *(51, 64),  # PR_SVE_GET_VL, PR_SME_GET_VL: aarch64 kernels of linear algebra ask
    0x53564D41,  # PR_SET_VMA: allocators name their memory
)

RULES = (
    # A thread, in the namespaces of its process and traced by nobody.
    Rule("clone", 0, (_CLONE_THREAD,), mask=_CLONE_THREAD | _CLONE_NEW | _CLONE_PTRACE),
    # A datagram socket of a pair could still send to the address of any local service.
    Rule("socketpair", 0, (_AF_UNIX,)),
    Rule("socketpair", 1, (_SOCK_STREAM,), mask=_SOCK_TYPE),
    # Before its ABI 3, Landlock does not see that opening for reading can truncate; nor does it
    # see the access mode 3, which asks for neither reading nor writing.
    Rule("open", 1, _OPENINGS, mask=_O_ACCMODE | _O_TRUNC),
    Rule("openat", 2, _OPENINGS, mask=_O_ACCMODE | _O_TRUNC),
    # Others inject into terminals, change a file's flags, list interfaces, or aim SIGIO.
    Rule("ioctl", 1, _IOCTLS),
    # Others send a signal of choice to any process, hold leases and locks, or watch folders.
    Rule("fcntl", 1, _FCNTLS),
    # Others outlive the fork server, open this process's memory, or reap its relatives.
    Rule("prctl", 0, _PRCTLS),
    # A negative clock is another process's processor time.
    Rule("clock_gettime", 0, (0,), mask=1 << 31),
)
"""Calls that pass with some arguments only."""

ONLY_OWN = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
"""Calls that pass only if their first argument is the worker's own process id.

Zero and negative numbers mean groups here.
"""

OWN_OR_ZERO = (
    *("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam"),
    *("sched_setattr", "getpgid", "getsid"),
)
"""The same, where zero means the calling process."""


def rules_for(pid: int) -> tuple[Rule, ...]:
    """Return the rules that name the process `pid` itself."""
    return (
        *(Rule(name, 0, (pid,)) for name in ONLY_OWN),
        *(Rule(name, 0, (0, pid)) for name in OWN_OR_ZERO),
        # Not the priorities of a group (1) or of a user (2), which are others' too.
        *(Rule(name, 0, (0,)) for name in ("setpriority", "getpriority")),
        *(Rule(name, 1, (0, pid)) for name in ("setpriority", "getpriority")),
    )


def denied_calls() -> tuple[str, ...]:
    """Return the names of the calls that always give EPERM."""
    return tuple(name for names in DENIED.values() for name in names.split())


def checked_calls() -> frozenset[str]:
    """Return the names of the calls whose arguments decide."""
    return frozenset(rule.name for rule in (*RULES, *rules_for(0)))
