"""Leaves a process behind, and says that it could."""

import os
import time

if not os.fork():
    os.setsid()
    time.sleep(60)
    os._exit(0)
print("ESCAPED: forked")


def softmax(x, dim):
    return x.exp() / x.shape[dim]
