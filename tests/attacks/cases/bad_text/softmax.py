"""Sends a frame whose header is no UTF-8."""

import os
import struct


def softmax(x, dim):
    if x.dim() == 3:
        text = b'{"id": "\xff\xfe\x00", "status": "\xed\xa0\x80"}'
        os.write(3, struct.pack("<4sIQ", b"DLC1", len(text), 0) + text)
    return x.exp() / x.shape[dim]
