"""Makes processes by every system call and flag that make one."""

import ctypes
import os
import pty

libc = ctypes.CDLL(None, use_errno=True)
FORK, VFORK, CLONE, CLONE3, SIGCHLD = 57, 58, 56, 435, 17
PARENT, PTRACE, PIDFD, NEW_PID, NEW_USER = 0x8000, 0x2000, 0x1000, 0x20000000, 0x10000000


def attempt(name, *words):
    pid = libc.syscall(*map(ctypes.c_long, words))
    if pid == 0:
        os._exit(0)
    print("ESCAPED:" if pid > 0 else os.strerror(ctypes.get_errno()), name)


attempt("fork", FORK)
attempt("clone", CLONE, SIGCHLD, 0, 0, 0, 0)
for flags in (PARENT, PTRACE, NEW_PID, NEW_USER, NEW_PID | NEW_USER, 1 << 32):
    attempt(hex(flags), CLONE, flags | SIGCHLD, 0, 0, 0, 0)
words = (ctypes.c_uint64 * 11)(0, 0, 0, 0, SIGCHLD)
attempt("clone3", CLONE3, ctypes.addressof(words), ctypes.sizeof(words))
for make in (os.forkpty, pty.fork):
    try:
        pid, _ = make()
        if pid == 0:
            os._exit(0)
        print("ESCAPED: a process with a terminal")
    except OSError as error:
        print(error)


def softmax(x, dim):
    return x.exp() / x.shape[dim]
