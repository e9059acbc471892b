"""Defines 20,000 names, some of them long and unprintable."""

globals().update({f"\x1b[2J{number}" + "x" * (number % 7): None for number in range(20_000)})


def softmax(x, dim):
    return x.exp() / x.shape[dim]
