"""Prints a million lines, and raises an error of as many."""

import sys


def softmax(x, dim):
    sys.stdout.write("line\n" * 1_000_000)
    raise ValueError("x\n" * 1_000_000)
