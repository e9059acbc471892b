"""Leaves objects that act when they are let go of, at the end and in the garbage."""

import atexit
import gc
import os
import sys
import threading
import weakref


def act(*_):
    print("ESCAPED" if os.path.exists("@GRADEBOOK@") and open("@GRADEBOOK@") else "")
    while True:
        pass


class Bomb:
    def __del__(self):
        act()


KEPT = Bomb()
ring = [Bomb()]
ring.append(ring)
atexit.register(act)
weakref.finalize(KEPT, act)
threading._register_atexit(act)
gc.callbacks.append(lambda phase, info: None)
sys.unraisablehook = sys.excepthook = threading.excepthook = act


def softmax(x, dim):
    return x.exp() / x.shape[dim]
