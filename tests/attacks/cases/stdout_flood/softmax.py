"""Prints without end."""

import os


def softmax(x, dim):
    while x.dim() == 3:
        os.write(1, b"flood " * 10_000)
    return x.exp() / x.shape[dim]
