"""Pruning by one stable sort of all places, with masks first and weights multiplied by them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def prune(params: list[nn.Parameter], sparsity: float, scope: str) -> list[Tensor]:
    """Set the weights of smallest magnitude to 0 and return masks of the others."""
    if sparsity < 0 or sparsity > 1:
        raise ValueError("sparsity is a share")
    if scope not in ("global", "local"):
        raise ValueError("scope is global or local")
    alive = [(p.detach() != 0).float() for p in params]
    if scope == "local":
        for p, mask in zip(params, alive, strict=True):
            order = torch.argsort(p.detach().reshape(-1).abs(), stable=True)
            flat = mask.reshape(-1)
            flat[order[: round(len(order) * sparsity)]] = 0
            mask.copy_(flat.view(mask.shape))
    else:
        flat = torch.cat([p.data.reshape(-1) for p in params]).double().square()
        order = torch.argsort(flat)[: int(len(flat) * sparsity + 0.5)]
        keep = torch.cat([mask.reshape(-1) for mask in alive]).index_fill(0, order, 0.0)
        start = 0
        for mask in alive:
            mask.copy_(keep[start : start + mask.numel()].view(mask.shape))
            start += mask.numel()
    for p, mask in zip(params, alive, strict=True):
        p.data.mul_(mask.to(p.dtype))
    return [mask.bool() for mask in alive]


class _Handle:
    def __init__(self, hook: Any) -> None:
        self._hook = hook

    def remove(self) -> None:
        self._hook.remove()


def keep_pruned(
    optimizer: torch.optim.Optimizer, params: list[nn.Parameter], masks: list[Tensor]
) -> _Handle:
    """Let every step of the optimizer end with the pruned weights at 0."""
    if len(params) != len(masks):
        raise ValueError("one mask for each parameter, please")

    def after(optimizer: Any, args: Any, kwargs: Any) -> None:
        del optimizer, args, kwargs
        for p, mask in zip(params, masks, strict=True):
            p.data[~mask] = 0

    return _Handle(optimizer.register_step_post_hook(after))
