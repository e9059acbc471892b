"""Products in float32 blocks that are short enough to be exact, added up in integers."""

from __future__ import annotations

import torch
from torch import Tensor

_BLOCK = 128  # 128 * 255 * 255 < 2^24


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
    _check([x_q, w_q], [w_scale, w_zero, bias], [x_scale, x_zero])
    x = x_q.float() - x_zero.item()
    w = (w_q.float().T - w_zero).T
    acc = torch.zeros(len(x), len(w), dtype=torch.int32, device=x.device)
    for start in range(0, x.shape[1], _BLOCK):
        stop = start + _BLOCK
        acc += torch.nn.functional.linear(x[:, start:stop], w[:, start:stop]).int()
    return (acc.double() * x_scale.item() * w_scale.double() + bias.double()).float()


def _check(matrices: list[Tensor], vectors: list[Tensor], numbers: list[Tensor]) -> None:
    if any(m.dim() != 2 for m in matrices) or len({m.shape[-1] for m in matrices}) != 1:
        raise ValueError("two matrices of one width, please")
    if any(list(v.shape) != [len(matrices[1])] for v in vectors):
        raise ValueError("one number for each output, please")
    if any(n.dim() for n in numbers):
        raise ValueError("one scale and one zero-point for the input, please")
