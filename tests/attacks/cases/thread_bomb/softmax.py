"""Starts threads until no more can be had."""

import threading
import time


def softmax(x, dim):
    try:
        for number in range(2000):
            threading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()
        print("ESCAPED:", number)
    except RuntimeError as error:
        print(error)
    return x.exp() / x.shape[dim]
