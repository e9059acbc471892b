"""Lifts Python's limit on recursion and overflows the stack of the C code below."""

import sys


class Endless:
    def __repr__(self):
        return repr(self)


def softmax(x, dim):
    sys.setrecursionlimit((1 << 31) - 1)
    repr(Endless())
