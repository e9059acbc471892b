"""Sends half a frame and leaves."""

import os
import struct


def softmax(x, dim):
    if x.dim() == 3:
        os.write(3, struct.pack("<4sIQ", b"DLC1", 1000, 1000) + b'{"id": 3, "status"')
        os._exit(0)
    return x.exp() / x.shape[dim]
