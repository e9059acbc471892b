"""Returns its input itself, as stubs do."""


def softmax(x, dim):
    x.shape[dim]
    return x
