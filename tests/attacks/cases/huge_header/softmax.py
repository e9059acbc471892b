"""Announces a frame of 2^60 bytes."""

import os
import struct


def softmax(x, dim):
    if x.dim() == 3:
        os.write(3, struct.pack("<4sIQ", b"DLC1", 100, 1 << 60))
    return x.exp() / x.shape[dim]
