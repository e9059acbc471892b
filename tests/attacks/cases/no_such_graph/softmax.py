"""Has the right values, and answers for gradients of the wrong number, shape and type."""

import torch
from dlcourse.sandbox.graft import Graphs

ANSWERS = [[], [None] * 9, [torch.zeros(7)], ["gradient"], [torch.zeros(3, 5, dtype=torch.int64)]]
count = 0


def gradients(self, *_, **__):
    global count
    count += 1
    return ANSWERS[count % len(ANSWERS)], []


Graphs.gradients = gradients


def softmax(x, dim):
    return torch.softmax(x, dim)
