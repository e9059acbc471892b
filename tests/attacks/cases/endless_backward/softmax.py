"""Has the right values, and a gradient that is never ready."""

import torch


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, dim):
        return torch.softmax(x, dim)

    @staticmethod
    def backward(ctx, upstream):
        while True:
            pass


def softmax(x, dim):
    return Softmax.apply(x, dim)
