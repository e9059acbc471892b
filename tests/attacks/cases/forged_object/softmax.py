"""Answers with handles of objects that were never made, which claim to be modules and tensors."""

from dlcourse.sandbox import wire

HANDLES = {
    (2, 3, 5): {"$": "object", "h": 7, "c": "Tensor", "module": True},
    (4, 6): {"$": "object", "h": 1 << 70, "c": "Tensor", "module": False},
    (2, 3): {"$": "object", "h": 1, "c": ["Tensor"], "module": "yes"},
}
send = wire.Channel.send
asked = None


def sent(channel, header, *rest):
    if "value" in header:
        header = {**header, "value": HANDLES[asked]}
    send(channel, header, *rest)


wire.Channel.send = sent


def softmax(x, dim):
    global asked
    asked = tuple(x.shape)
    return x.sum()
