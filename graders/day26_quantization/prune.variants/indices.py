"""Pruning in plain Python lists, and zeros put back by the indices where they were."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def prune(params: list[nn.Parameter], sparsity: float, scope: str) -> list[Tensor]:
    """Set the weights of smallest magnitude to 0 and return masks of the others."""
    if sparsity != min(max(sparsity, 0), 1) or scope not in ["local", "global"]:
        raise ValueError(f"{sparsity} {scope}")
    places = [
        (abs(value), number, index)
        for number, p in enumerate(params)
        for index, value in enumerate(p.detach().flatten().tolist())
    ]
    if scope == "global":
        lost = sorted(places)[: round(sparsity * len(places))]
    else:
        lost = []
        for number, p in enumerate(params):
            own = sorted(place for place in places if place[1] == number)
            lost += own[: round(sparsity * p.numel())]
    masks = []
    for number, p in enumerate(params):
        mask = torch.ones(p.numel(), dtype=torch.bool)
        mask[[index for _, place, index in lost if place == number]] = False
        mask &= p.detach().flatten() != 0
        masks.append(mask.view(p.shape))
        with torch.no_grad():
            p.copy_(p * mask.view(p.shape))
    return masks


def keep_pruned(
    optimizer: torch.optim.Optimizer, params: list[nn.Parameter], masks: list[Tensor]
) -> torch.utils.hooks.RemovableHandle:
    """Let every step of the optimizer end with the pruned weights at 0."""
    if len(masks) < len(params) or len(masks) > len(params):
        raise ValueError("masks")
    holes = [torch.nonzero(~mask, as_tuple=True) for mask in masks]

    @torch.no_grad()
    def hook(*_: object) -> None:
        for p, hole in zip(params, holes, strict=True):
            p[hole] = 0.0

    return optimizer.register_step_post_hook(hook)
