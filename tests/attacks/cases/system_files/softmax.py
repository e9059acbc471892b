"""Writes to what configures the kernel, the process and Python's packages."""

import os
import sys

import torch

PLACES = (
    *(f"/proc/self/{name}" for name in ("oom_score_adj", "mem", "comm", "clear_refs", "uid_map")),
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/cgroup.procs",
    "/dev/kmsg",
    "/dev/mem",
    "/dev/sda",
    "/dev/fuse",
    "/etc/ld.so.preload",
    "/etc/passwd",
    "/var/spool/cron/root",
    torch.__file__,
    sys.executable,
    os.path.join(os.path.dirname(torch.__file__), "..", "evil.pth"),
    os.path.join(os.path.dirname(os.__file__), "sitecustomize.py"),
)
for place in PLACES:
    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_CREAT, os.O_RDWR, os.O_RDONLY | os.O_TRUNC):
        try:
            os.close(os.open(place, flags, 0o600))
            print("ESCAPED: opened", place)
        except OSError:
            pass
for change in (
    lambda: os.chmod(torch.__file__, 0o777),
    lambda: os.utime(torch.__file__),
    lambda: os.chown(torch.__file__, -1, -1),
    lambda: os.truncate(torch.__file__, 0),
    lambda: os.rename(torch.__file__, torch.__file__),
    lambda: os.setxattr(torch.__file__, "user.mine", b"x"),
    lambda: os.chmod("@GRADEBOOK@", 0o777),
    lambda: os.utime("@GRADEBOOK@"),
    lambda: os.remove("@NEIGHBOUR@"),
    lambda: os.rename("@NEIGHBOUR@", "@NEIGHBOUR@.mine"),
):
    try:
        change()
        print("ESCAPED: changed")
    except OSError as error:
        print(error)


def softmax(x, dim):
    return x.exp() / x.shape[dim]
