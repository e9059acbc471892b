"""Reads the environment and the arguments of itself, of its parents and of every other process."""

import os
import re
import sys

print(dict(os.environ), sys.argv, sys.orig_argv)
try:
    numbers = sorted(filter(str.isdigit, os.listdir("/proc")))
except OSError as error:
    print(error)
    numbers = []
for pid in ("self", os.getppid(), "@SERVER@", "@GRADER@", "@RUNNER@", *numbers):
    for name in ("environ", "cmdline"):
        try:
            text = open(f"/proc/{pid}/{name}", "rb").read()
            print(pid, name, re.findall(rb"canary-\w+-\w+", text))
        except OSError as error:
            print(error) if not isinstance(pid, str) else None


def softmax(x, dim):
    return x.exp() / x.shape[dim]
