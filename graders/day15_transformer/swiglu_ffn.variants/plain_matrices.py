"""Plain matrix products with transposes, the sigmoid spelled out, float32 for half precision."""

from __future__ import annotations

import torch
from torch import Tensor


def ffn(x: Tensor, gate: Tensor, down: Tensor, up: Tensor) -> Tensor:
    """Return what the SwiGLU feed-forward network makes of each token of `x`."""
    if x.ndim < 1 or gate.ndim != 2 or gate.size(1) != x.size(-1):
        raise ValueError("gate must be [F, D]")
    width, dim = gate.shape
    if tuple(up.shape) != (width, dim) or tuple(down.shape) != (dim, width):
        raise ValueError("up must be [F, D] and down [D, F]")
    kind = x.dtype
    if kind in (torch.float16, torch.bfloat16):
        x, gate, down, up = x.float(), gate.float(), down.float(), up.float()
    tokens = x.reshape(-1, dim)  # [N, D]
    z = tokens @ gate.t()
    hidden = z * torch.sigmoid(z) * (tokens @ up.t())
    return (hidden @ down.t()).reshape(x.shape).to(kind)


def hidden_dim(dim: int, multiple: int) -> int:
    """Return F, the least multiple of `multiple` that is not below 8 * dim / 3."""
    if min(dim, multiple) < 1:
        raise ValueError("dim and multiple must be positive")
    step = 3 * multiple
    return (8 * dim + step - 1) // step * multiple
