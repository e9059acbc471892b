"""Opens descriptors until no more can be had, by opening, by copying and as pairs."""

import os
import socket

KEPT = []


def softmax(x, dim):
    for number in range(100_000):
        KEPT.append(os.dup(0))
        KEPT.append(os.open("/dev/null", os.O_RDONLY))
        KEPT.append(socket.socketpair())
        KEPT.append(os.pipe())
    print("ESCAPED:", number)
    return x.exp() / x.shape[dim]
