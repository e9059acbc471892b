"""Loops for ever and swallows every exception on the way."""


def softmax(x, dim):
    while x.dim() == 3:
        try:
            while True:
                pass
        except BaseException:
            pass
    return x.exp() / x.shape[dim]
