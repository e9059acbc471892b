"""`backward` with `inputs` fills the `.grad` of leaves that nobody else sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


class _Product:
    def __init__(self, params: list[Tensor]) -> None:
        self.leaves = [torch.empty_like(p).copy_(p.detach()).requires_grad_() for p in params]

    def take(self) -> list[Tensor | None]:
        """Return the leaves' gradients and clear them."""
        found = [leaf.grad for leaf in self.leaves]
        for leaf in self.leaves:
            leaf.grad = None
        return found

    def along(self, f: Callable[..., Tensor], v: list[Tensor]) -> None:
        """Leave the product in the leaves."""
        value = f(*self.leaves)
        if tuple(value.shape) != ():
            raise ValueError("f must return a scalar")
        if value.grad_fn is None:
            return
        value.backward(create_graph=True, inputs=self.leaves)
        slope = value.new_zeros(())
        for gradient, direction in zip(self.take(), v, strict=True):
            if gradient is not None:
                slope = slope + torch.einsum(
                    "i,i->", gradient.reshape(-1), direction.detach().reshape(-1)
                )
        if slope.requires_grad:
            slope.backward(inputs=self.leaves)


def hvp(f: Callable[..., Tensor], params: list[Tensor], v: list[Tensor]) -> list[Tensor]:
    """Return H·v, where H is the Hessian of f at `params`, without ever building H."""
    shapes = [tuple(tensor.shape) for tensor in params]
    if shapes != [tuple(tensor.shape) for tensor in v]:
        raise ValueError(f"v needs the shapes {shapes}")
    product = _Product(params)
    with torch.enable_grad():
        product.along(f, v)
    found = zip(product.take(), params, strict=True)
    return [torch.zeros_like(p).detach() if g is None else g.detach() for g, p in found]
