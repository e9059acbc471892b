"""The sum multiplied out as an int8 kernel does it, in 64-bit integers without a matrix product."""

from __future__ import annotations

import torch
from torch import Tensor


def int8_linear(
    x_q: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    w_q: Tensor,
    w_scale: Tensor,
    w_zero: Tensor,
    bias: Tensor,
) -> Tensor:
    """Return x @ w.T + bias for x and w given as int8 codes."""
    if x_q.ndim != 2 or w_q.ndim != 2:
        raise ValueError("matrices, please")
    rows, length = x_q.shape
    outputs = w_q.shape[0]
    if w_q.shape[1] != length or x_scale.shape != () or x_zero.shape != ():
        raise ValueError("shapes")
    for vector in (w_scale, w_zero, bias):
        if vector.shape != (outputs,):
            raise ValueError("one number for each output")
    x, w = x_q.long(), w_q.long()
    acc = torch.empty(rows, outputs, dtype=torch.int64, device=x_q.device)
    for output in range(outputs):
        acc[:, output] = (x * w[output]).sum(dim=1)
    acc -= x_zero * w.sum(dim=1)
    acc -= x.sum(dim=1, keepdim=True) * w_zero
    acc += length * x_zero.long() * w_zero
    return acc.float() * x_scale * w_scale + bias
