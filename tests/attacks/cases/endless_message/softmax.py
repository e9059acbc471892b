"""Raises an exception whose message is never ready."""


class Evil(Exception):
    def __str__(self):
        while True:
            pass


def softmax(x, dim):
    if x.dim() == 3:
        raise Evil
    return x.exp() / x.shape[dim]
