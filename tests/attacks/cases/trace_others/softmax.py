"""Traces other processes, reads and writes their memory, and takes their descriptors."""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
ATTACH, SEIZE, TRACEME = 16, 0x4206, 0
OTHERS = sorted({os.getppid(), int("@SERVER@"), int("@GRADER@"), int("@RUNNER@")})


def attempt(name, *words):
    if getattr(libc, name)(*words) >= 0:
        print("ESCAPED:", name, words)
    else:
        print(name, os.strerror(ctypes.get_errno()))


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


room = ctypes.create_string_buffer(64)
here = Span(ctypes.addressof(room), 64)
attempt("ptrace", TRACEME, 0, None, None)
for pid in OTHERS:
    attempt("ptrace", ATTACH, pid, None, None)
    attempt("ptrace", SEIZE, pid, None, None)
    attempt("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(here), 1, 0)
    attempt("process_vm_writev", pid, ctypes.byref(here), 1, ctypes.byref(here), 1, 0)
    for name, mode in (("mem", "rb"), ("mem", "r+b"), ("maps", "rb"), ("oom_score_adj", "w")):
        try:
            open(f"/proc/{pid}/{name}", mode).close()
            print("ESCAPED:", pid, name, mode)
        except OSError as error:
            print(error)


def softmax(x, dim):
    return x.exp() / x.shape[dim]
