"""Goes through the lines one by one, in float64, and picks what takes part by boolean indexing."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def _one_line(line: Tensor, mask: Tensor) -> Tensor:
    """Return the result for x and mask of shape [n], as [] in float64."""
    chosen = line[mask & (line != -math.inf)].double()
    if not chosen.numel():
        return chosen.sum() - math.inf
    top = chosen.max()
    return top + (chosen - top).exp().sum().log()


def mlse(x: Tensor, mask: Tensor, dim: int) -> Tensor:
    """Return log(sum(exp(x))) along `dim`, over the elements where `mask` is True."""
    if mask.dtype != torch.bool:
        raise ValueError("expected a mask of bools")
    ones = (1,) * (x.dim() - mask.dim())
    pairs = zip((*ones, *mask.shape), x.shape, strict=False)
    if mask.dim() > x.dim() or not all(mine in (1, theirs) for mine, theirs in pairs):
        raise ValueError("expected a mask that broadcasts to x")
    lines = x.movedim(dim, -1)
    shape, length = lines.shape[:-1], lines.shape[-1]
    masks = mask.broadcast_to(x.shape).movedim(dim, -1).reshape(math.prod(shape), length)
    rows = lines.reshape(math.prod(shape), length)
    results = [_one_line(line, chosen) for line, chosen in zip(rows, masks, strict=True)]
    if not results:
        return lines.sum(-1)  # no lines, so no elements
    return torch.stack(results).reshape(shape).to(x.dtype)
