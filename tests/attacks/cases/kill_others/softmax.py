"""Sends signals to its parent, the grader, groups and everyone, by every call that can."""

import ctypes
import os
import signal

libc = ctypes.CDLL(None, use_errno=True)
OTHERS = sorted({os.getppid(), 1, int("@SERVER@"), int("@GRADER@"), int("@RUNNER@")})


def attempt(name, act):
    try:
        if act() != -1:
            print("ESCAPED:", name)
    except OSError as error:
        print(name, error)


for pid in OTHERS:
    if pid != 1 or os.getppid() == 1:
        attempt("kill", lambda: os.kill(pid, signal.SIGKILL))
        attempt("sigqueue", lambda: libc.sigqueue(pid, signal.SIGKILL, None))
        attempt("tgkill", lambda: libc.tgkill(pid, pid, signal.SIGKILL))
    attempt("pidfd", lambda: os.pidfd_open(pid))
    attempt("group", lambda: os.kill(-pid, signal.SIGCONT))
    attempt("group of", lambda: os.getpgid(pid))
# Not to be killed even if that were possible: everyone would be the whole machine.
attempt("everyone", lambda: os.kill(-1, signal.SIGCONT))


def softmax(x, dim):
    return x.exp() / x.shape[dim]
