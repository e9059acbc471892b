"""A custom autograd Function, whose backward is the softmax of those that take part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kept: Tensor, dim: int) -> Tensor:
        # A line of -inf in front of the others, so that no axis is empty.
        low = torch.full_like(kept.sum(dim, keepdim=True), -torch.inf)
        top = torch.cat([low, kept], dim).max(dim, keepdim=True).values
        shift = torch.where(torch.isneginf(top), 0, top)
        y = torch.log(torch.sum(torch.exp(kept - shift), dim, keepdim=True)) + shift
        ctx.dim = dim
        y = y.squeeze(dim)
        ctx.save_for_backward(kept, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        kept, y = ctx.saved_tensors
        y, grad = y.unsqueeze(ctx.dim), grad.unsqueeze(ctx.dim)
        safe = torch.where(torch.isneginf(y), torch.zeros_like(y), y)
        return grad * torch.exp(kept - safe), None


def mlse(x: Tensor, mask: Tensor, dim: int) -> Tensor:
    """Return log(sum(exp(x))) along `dim`, over the elements where `mask` is True."""
    if mask.dtype is not torch.bool:
        raise ValueError("the mask is no bool")
    longer = mask.dim() > x.dim()
    pairs = zip(reversed(mask.shape), reversed(x.shape), strict=False)
    if longer or any(mine not in (1, theirs) for mine, theirs in pairs):
        raise ValueError("the mask does not fit")
    if not -x.dim() <= dim < x.dim():
        raise IndexError("no such axis")
    wide = x if x.dtype is torch.float64 else x.float()
    kept = torch.where(mask, wide, torch.full_like(wide, -torch.inf))
    apply: Callable[[Tensor, int], Tensor] = _LogSumExp.apply
    return apply(kept, dim % x.dim()).to(x.dtype)
