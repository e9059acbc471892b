"""Leaves behind what it can: a detached process, and a thread that never ends."""

import multiprocessing
import os
import subprocess
import threading
import time


def attempt(name, act):
    try:
        act()
        print("ESCAPED:", name)
    except (OSError, RuntimeError) as error:
        print(name, error)


def forked():
    if not os.fork():
        os.setsid()
        time.sleep(60)
        os._exit(0)


attempt("fork", forked)
attempt("program", lambda: subprocess.Popen(["/bin/sleep", "60"], start_new_session=True))
attempt("spawn", lambda: os.posix_spawn("/bin/sleep", ["sleep", "60"], {}))
attempt("process", lambda: multiprocessing.Process(target=time.sleep, args=(60,)).start())
threading.Thread(target=time.sleep, args=(1e6,), daemon=False).start()


def softmax(x, dim):
    return x.exp() / x.shape[dim]
