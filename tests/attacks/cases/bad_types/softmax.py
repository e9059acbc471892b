"""Answers with fields of every wrong type."""

import json
import os
import struct

from dlcourse.sandbox import wire

WRONG = (None, True, -1, 1e308, "x" * 1000, [[]], {"$": {}}, {"$": "tensor", "i": []}, 10**400)
send = wire.Channel.send
count = 0


def sent(channel, header, descriptions=(), buffers=()):
    global count
    count += 1
    if "value" not in header:
        return send(channel, header, descriptions, buffers)
    wrong = WRONG[count % len(WRONG)]
    fields = dict.fromkeys(("value", "outputs", "node", "generators", "tensors", "status"), wrong)
    text = json.dumps({**fields, "id": header["id"]}).encode()
    os.write(3, struct.pack("<4sIQ", b"DLC1", len(text), 0) + text)


wire.Channel.send = sent


def softmax(x, dim):
    return x.exp() / x.shape[dim]
