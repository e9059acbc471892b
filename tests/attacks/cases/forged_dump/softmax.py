"""Writes the stack dump of a crash in another file to the line on which crashes are told."""

import os


def softmax(x, dim):
    if x.dim() == 3:
        dump = 'Current thread 0x1 (most recent call first):\n  File "%s", line %s in f\n'
        for file, line in (
            ("@SUITE@", 1),
            ("../../etc/passwd", 1),
            ("a" * 10_000, 9),
            ("x", 10**30),
        ):
            os.write(4, (dump % (file, line)).encode())
        os.write(4, b"\x1b]0;title\x07\n::error::\n" + bytes(range(256)))
        os._exit(0)
    return x.exp() / x.shape[dim]
