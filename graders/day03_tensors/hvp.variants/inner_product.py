"""One number, the inner product of gradient and v, is differentiated the second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


@torch.enable_grad()
def hvp(f: Callable[..., Tensor], params: list[Tensor], v: list[Tensor]) -> list[Tensor]:
    """Return H·v, where H is the Hessian of f at `params`, without ever building H."""
    if len(params) != len(v):
        raise ValueError("as many directions as parameters are needed")
    for p, direction in zip(params, v, strict=True):
        if p.shape != direction.shape:
            raise ValueError("a direction must have the shape of its parameter")

    leaves = [p.detach().clone().requires_grad_() for p in params]
    value = f(*leaves)
    if value.dim() != 0:
        raise ValueError("f must return a number")
    # Zero times each leaf: now every one has a path, at each order.
    nothing = sum((0 * leaf.square()).sum() for leaf in leaves)
    gradients = torch.autograd.grad(value + nothing, leaves, create_graph=True)
    parts = [(g * d.detach()).sum() for g, d in zip(gradients, v, strict=True)]
    return list(torch.autograd.grad(torch.stack(parts).sum(), leaves))
