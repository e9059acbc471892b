"""Makes memory and messages that other processes could meet, under names and numbers."""

import ctypes
import os
from multiprocessing import shared_memory

libc = ctypes.CDLL(None, use_errno=True)
CREATE = 0o1600


def attempt(name, act):
    try:
        if act() != -1:
            print("ESCAPED:", name)
    except OSError as error:
        print(name, error)


attempt("segment", lambda: libc.shmget(0x5EC4E7, 4096, CREATE))
attempt("private segment", lambda: libc.shmget(0, 4096, CREATE))
attempt("queue", lambda: libc.msgget(0x5EC4E7, CREATE))
attempt("semaphore", lambda: libc.semget(0x5EC4E7, 1, CREATE))
attempt("message queue", lambda: libc.mq_open(b"/canary", os.O_CREAT | os.O_RDWR, 0o600, None))
attempt("shared memory", lambda: shared_memory.SharedMemory("canary", create=True, size=4096))
attempt("file in shm", lambda: os.open("/dev/shm/canary", os.O_CREAT | os.O_RDWR))
attempt("list of shm", lambda: os.listdir("/dev/shm") or -1)


def softmax(x, dim):
    return x.exp() / x.shape[dim]
