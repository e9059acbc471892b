"""Describes its tensors as larger, stranger or elsewhere than the bytes that it sends."""

from dlcourse.sandbox import wire

LIES = {
    (4, 6): {"shape": [2, 3, 5], "stride": [-15, -5, -1]},
    (2, 3, 5): {"shape": [1 << 40], "stride": [0], "offset": 0},
    (2, 3): {"stride": [1, 1], "offset": 1 << 62},
}
send = wire.Channel.send
asked = None


def lying(channel, header, descriptions=(), buffers=()):
    lied = [{**each, **LIES.get(asked, {})} for each in descriptions]
    send(channel, header, lied, buffers)


wire.Channel.send = lying


def softmax(x, dim):
    global asked
    asked = tuple(x.shape)
    return x.exp() / x.shape[dim]
