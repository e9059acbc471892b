"""Makes the calls that kernels are attacked by; each has to be refused before it looks around."""

import ctypes
import errno
import os

libc = ctypes.CDLL(None, use_errno=True)
CALLS = {
    "acct": 163,
    "add_key": 248,
    "bpf": 321,
    "clock_settime": 227,
    "delete_module": 176,
    "fanotify_init": 300,
    "fsopen": 430,
    "init_module": 175,
    "inotify_init1": 294,
    "io_setup": 206,
    "io_uring_setup": 425,
    "iopl": 172,
    "kcmp": 312,
    "kexec_load": 246,
    "keyctl": 250,
    "landlock_create_ruleset": 444,
    "memfd_secret": 447,
    "modify_ldt": 154,
    "move_pages": 279,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "open_tree": 428,
    "perf_event_open": 298,
    "pidfd_getfd": 438,
    "pivot_root": 155,
    "process_madvise": 440,
    "quotactl": 179,
    "reboot": 169,
    "request_key": 249,
    "seccomp": 317,
    "setns": 308,
    "swapoff": 168,
    "syslog": 103,
    "userfaultfd": 323,
    "vhangup": 153,
}
for name, number in CALLS.items():
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 5)
    code = ctypes.get_errno()
    print("" if code in (errno.EPERM, errno.ENOSYS) else "ESCAPED:", name, os.strerror(code))


def softmax(x, dim):
    return x.exp() / x.shape[dim]
