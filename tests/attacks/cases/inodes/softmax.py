"""Makes files, folders, links, pipes and sockets without end, in every folder that there is."""

import os
import socket
import sys


def softmax(x, dim):
    for place in ("@ROOT@", "/tmp", "/var/tmp", "/dev/shm", os.getcwd(), *sys.path):
        for make in (
            lambda name: os.close(os.open(name, os.O_CREAT | os.O_WRONLY)),
            lambda name: os.close(os.open(place, os.O_TMPFILE | os.O_RDWR)),
            os.mkdir,
            os.mkfifo,
            os.mknod,
            lambda name: os.symlink("/", name),
            lambda name: os.link(sys.executable, name),
            lambda name: socket.socket(socket.AF_UNIX).bind(name),
        ):
            for number in range(1000):
                try:
                    make(f"{place}/inode-{number}")
                    print("ESCAPED: made", place)
                except OSError as error:
                    last = error
                    break
    raise last
