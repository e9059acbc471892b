"""Has the right values, and no gradient."""

import torch


def softmax(x, dim):
    return torch.softmax(x.detach(), dim)
