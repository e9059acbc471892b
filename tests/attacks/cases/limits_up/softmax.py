"""Raises its own limits and priorities, and lowers those of the grader."""

import ctypes
import os
import resource

libc = ctypes.CDLL(None, use_errno=True)
ENDLESS = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def attempt(name, act):
    try:
        if act() != -1:
            print("ESCAPED:", name)
    except (OSError, ValueError) as error:
        print(name, error)


for name in ("AS", "CPU", "NOFILE", "FSIZE", "NPROC", "CORE", "MEMLOCK", "NICE", "RTPRIO"):
    kind = getattr(resource, f"RLIMIT_{name}")
    attempt(name, lambda: resource.setrlimit(kind, ENDLESS))
    for pid in (int("@GRADER@"), int("@SERVER@"), os.getppid()):
        attempt(f"{name} of {pid}", lambda: resource.prlimit(pid, kind, (1, 1)))
attempt("nice", lambda: os.nice(-5))
attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
for pid in (int("@GRADER@"), os.getppid()):
    attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
    attempt("affinity", lambda: os.sched_setaffinity(pid, {0}))
    attempt("idle", lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)))
for user in (0, os.getuid(), os.geteuid()):
    attempt("user", lambda: os.setpriority(os.PRIO_USER, user, 19))
attempt(
    "group", lambda: os.setpriority(os.PRIO_PGRP, 0, 19) if os.getpgid(0) != os.getpid() else -1
)
attempt("memory lock", lambda: libc.mlockall(3))


def softmax(x, dim):
    return x.exp() / x.shape[dim]
