"""Answers with numbers that JSON can write and no program expects: 1e400, NaN, 4,000,000 digits."""

import os
import struct

from dlcourse.sandbox import wire

NUMBERS = (b"1e400", b"NaN", b"-Infinity", b"9" * 1_000_000, b"1" + b"0" * 5000, b"0.0e-999999999")
send = wire.Channel.send
count = 0


def sent(channel, header, descriptions=(), buffers=()):
    global count
    if "value" not in header:
        return send(channel, header, descriptions, buffers)
    count += 1
    number = NUMBERS[count % len(NUMBERS)]
    text = b'{"id":%d,"status":"answer","tensors":[],"value":%s}' % (header["id"], number)
    os.write(3, struct.pack("<4sIQ", b"DLC1", len(text), 0) + text)


wire.Channel.send = sent


def softmax(x, dim):
    return x.exp() / x.shape[dim]
