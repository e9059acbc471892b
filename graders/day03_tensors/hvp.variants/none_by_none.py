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
        inner = torch.zeros_like(y, requires_grad=False)
        for gradient, direction in zip(first, v, strict=True):
            if gradient is not None and gradient.requires_grad:
                inner = inner + (gradient * direction.detach()).sum()
        if not inner.requires_grad:
            return products
        second = torch.autograd.grad(inner, leaves, allow_unused=True)
    for product, part in zip(products, second, strict=True):
        if part is not None:
            product.add_(part)
    return products
