"""A custom function and a class with state."""

import torch


class Double(torch.autograd.Function):
    """Twice x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 2 if ctx.needs_input_grad[0] else None


class Count:
    """Counts."""

    def __init__(self, start=0):
        self.total = start

    def add(self, step):
        while step > 10:
            step -= 10
        self.total += step
        step = step % 3
        return self.total, -step
