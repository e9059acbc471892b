"""Returns a view of its input, through which the input changes with the answer."""


def softmax(x, dim):
    y = x.detach().transpose(dim, -1).transpose(dim, -1)
    y.copy_(y.exp() / y.shape[dim])
    return y
