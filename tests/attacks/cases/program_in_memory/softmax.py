"""Runs a program from memory, with no file: an anonymous file, and the ways to execute it."""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def attempt(name, act):
    try:
        if act() != -1:
            print("ESCAPED:", name)
    except OSError as error:
        print(name, error)


attempt("anonymous file", lambda: os.memfd_create("program"))
attempt("sealed file", lambda: os.memfd_create("program", os.MFD_ALLOW_SEALING))
attempt("nameless file", lambda: os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o700))
attempt("fexecve", lambda: libc.fexecve(os.open("/bin/true", os.O_RDONLY), None, None))
attempt(
    "empty path", lambda: libc.execveat(os.open("/bin/true", os.O_PATH), b"", None, None, 0x1000)
)


def softmax(x, dim):
    return x.exp() / x.shape[dim]
