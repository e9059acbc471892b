"""Both branches in one product of stacked matrices, in float64, and SiLU in place."""

from __future__ import annotations

import torch
from torch import Tensor


def ffn(x: Tensor, gate: Tensor, down: Tensor, up: Tensor) -> Tensor:
    """Return what the SwiGLU feed-forward network makes of each token of `x`."""
    if x.dim() == 0 or gate.dim() != 2 or x.shape[-1] != gate.shape[1]:
        raise ValueError("x and gate do not fit")
    if up.shape != gate.shape or down.shape != gate.shape[::-1]:
        raise ValueError("up or down does not fit")
    both = torch.einsum("...d,kfd->k...f", x.double(), torch.stack([gate, up]).double())
    opened = torch.nn.functional.silu(both[0].clone(), inplace=True)
    return torch.einsum("...f,df->...d", opened * both[1], down.double()).to(x.dtype)


def hidden_dim(dim: int, multiple: int) -> int:
    """Return F, the least multiple of `multiple` that is not below 8 * dim / 3."""
    if dim < 1 or multiple < 1:
        raise ValueError("dim and multiple must be positive")
    width = (8 * dim + 2) // 3
    return width + -width % multiple
