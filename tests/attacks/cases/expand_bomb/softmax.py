"""Returns a tensor of 10^12 elements that are all one number: bytes here, terabytes there."""

import torch


def softmax(x, dim):
    return torch.zeros((), dtype=x.dtype).expand(10**6, 10**6)
