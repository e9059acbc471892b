"""Calls the ready-made function under another name."""

from torch.nn.functional import softmax as ordinary


def compute(x, dim):
    return ordinary(x, dim)
