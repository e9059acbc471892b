"""Raises an exception with a million notes and a chain of ten thousand causes."""


def softmax(x, dim):
    error = ValueError("noted")
    error.__notes__ = ["a note"] * 1_000_000
    link = error
    for number in range(10_000):
        link.__cause__ = link.__context__ = ValueError(number)
        link = link.__cause__
    link.__context__ = error
    raise error
