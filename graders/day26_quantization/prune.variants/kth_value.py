"""Pruning by the k-th magnitude, with ties counted off, and a step of the optimizer wrapped."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def prune(params: list[nn.Parameter], sparsity: float, scope: str) -> list[Tensor]:
    """Set the weights of smallest magnitude to 0 and return masks of the others."""
    if not (sparsity >= 0 and sparsity <= 1):
        raise ValueError("sparsity")
    match scope:
        case "global":
            vector = torch.hstack([p.ravel() for p in params]).abs()
            lost = _smallest(vector, sparsity)
        case "local":
            lost = torch.cat([_smallest(p.abs().reshape(-1), sparsity) for p in params])
        case _:
            raise ValueError("scope")
    masks = []
    for p in params:
        mine, lost = lost[: p.numel()].reshape(p.shape), lost[p.numel() :]
        p[mine] = 0
        masks.append(p.ne(0))
    return masks


def _smallest(sizes: Tensor, sparsity: float) -> Tensor:
    """Return where the k smallest are, the first ones of several that equal the k-th."""
    k = round(sparsity * len(sizes))
    if k == 0:
        return torch.zeros_like(sizes, dtype=torch.bool)
    limit = sizes.kthvalue(k).values
    below, equal = sizes < limit, sizes == limit
    return below | (equal & (equal.cumsum(0) <= k - below.sum()))


class _Undo:
    """A handle: zeros are put back as long as it holds."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, pairs: list[tuple[Tensor, Tensor]]
    ) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = pairs
        step: Any = optimizer.step

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = step(*args, **kwargs)
            with torch.no_grad():
                for p, mask in self._pairs:
                    p.copy_(torch.where(mask, p, torch.zeros_like(p)))
            return result

        optimizer.step = wrapped  # type: ignore[method-assign]  # this one object's steps alone

    def remove(self) -> None:
        self._pairs = []


def keep_pruned(
    optimizer: torch.optim.Optimizer, params: list[nn.Parameter], masks: list[Tensor]
) -> _Undo:
    """Let every step of the optimizer end with the pruned weights at 0."""
    return _Undo(optimizer, list(zip(params, masks, strict=True)))
