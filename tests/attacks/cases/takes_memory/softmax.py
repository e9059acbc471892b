"""Holds 128 MiB for a while."""

import time


def softmax(x, dim):
    if x.dim() == 3:
        hoard = bytearray(128 << 20)
        time.sleep(0.5)
        del hoard
    return x.exp() / x.shape[dim]
