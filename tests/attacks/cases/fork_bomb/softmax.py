"""Forks and forks; each child only sleeps, and the number is bounded, should it ever succeed."""

import os
import time


def softmax(x, dim):
    for _ in range(200):
        if not os.fork():
            time.sleep(20)
            os._exit(0)
        print("ESCAPED: forked")
    return x.exp() / x.shape[dim]
