"""Returns tensors whose numbers are stored in unusual ways: quantised, conjugate, negated."""

import torch


def softmax(x, dim):
    if x.dim() == 3:
        return torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8)
    return torch.conj(torch.complex(x, x)) if dim == 1 else torch._neg_view(x)
