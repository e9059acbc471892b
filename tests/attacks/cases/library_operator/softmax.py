"""Calls the operator below the ready-made function."""

import torch


def softmax(x, dim):
    return torch.ops.aten._softmax.default(x, dim, False)
