"""What autograd leaves as None is replaced by zeros, one parameter after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


def hvp(f: Callable[..., Tensor], params: list[Tensor], v: list[Tensor]) -> list[Tensor]:
    """Return H·v, where H is the Hessian of f at `params`, without ever building H."""
    if len(params) != len(v):
        raise ValueError("v needs one tensor for each parameter")
    if any(p.size() != d.size() for p, d in zip(params, v, strict=True)):
        raise ValueError("v does not fit the parameters")
    products = [torch.zeros_like(p, requires_grad=False) for p in params]
    with torch.enable_grad():
        leaves = []
        for p in params:
            leaf = p.detach()
            leaf.requires_grad = True
            leaves.append(leaf)
        y = f(*leaves)
        if y.ndim:
            raise ValueError(f"f returned a tensor with {y.ndim} axes")
        if not y.requires_grad:
            return products
        first = torch.autograd.grad(y, leaves, create_graph=True, allow_unused=True)
        slopes = zip(first, v, strict=True)
        used = [(g * direction.detach()).sum() for g, direction in slopes if g is not None]
        inner = torch.stack([*used, torch.zeros_like(y, requires_grad=False)]).sum()
        if not inner.requires_grad:
            return products
        second = torch.autograd.grad(inner, leaves, allow_unused=True)
    pairs = zip(products, second, strict=True)
    return [zeros if part is None else part for zeros, part in pairs]
