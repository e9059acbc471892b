"""Magnitude pruning, for each tensor or for all of them together, that outlasts the optimizer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def prune(params: list[nn.Parameter], sparsity: float, scope: str) -> list[Tensor]:
    r"""Set the weights of smallest magnitude to 0, in place, and return masks of the others.

    Of n weights k = round(sparsity * n) are pruned: those with the k smallest |w|. With `scope`::

        "global"   n counts the weights of all parameters, which compete with each other
        "local"    each parameter is pruned on its own, with its own n and k

    Weights that are 0 already, from an earlier pruning or by chance, are the smallest of all. They
    are counted among the k, not added to them: pruning to 0.5 and then to 0.8 leaves 0.8 of the
    weights at 0. Where more than k are 0 already, nothing changes: no weight comes back.

    Args:
        params: one or more parameters, of any shapes and strides, 0-dimensional and empty ones
            included; float64, float32, bfloat16 or float16, one dtype and one device for all;
            finite. They may require a gradient or not.
        sparsity: the share of weights that shall be 0, from 0 to 1.
        scope: "global" or "local".

    Returns:
        One mask for each parameter, in its shape: a bool tensor that is True where the weight is
        kept, and False wherever it is now 0.

        Pruned weights are exactly 0, the others bit for bit what they were. Each parameter keeps
        its memory, so that whoever shares it sees the zeros; its `grad` is left alone.

    Raises:
        ValueError: `sparsity` is below 0 or above 1, or `scope` is neither word. Nothing has been
            pruned then.

    Edge cases:
        * Equal magnitudes: exactly k are pruned all the same; which of the equals is open.
        * sparsity * n halfway between two integers: either is right.
        * sparsity = 0 changes nothing, sparsity = 1 leaves no weight.

    Forbidden:
        `torch.nn.utils.prune`: write the selection.

    Example:
        >>> small = nn.Parameter(torch.tensor([0.1, -0.2]))
        >>> large = nn.Parameter(torch.tensor([3.0, -0.4, 5.0]))
        >>> prune([small, large], sparsity=0.6, scope="global")
        [tensor([False, False]), tensor([ True, False,  True])]
        >>> large.tolist()
        [3.0, 0.0, 5.0]

    Source:
        Han et al., "Learning both Weights and Connections for Efficient Neural Networks" (2015,
        arXiv:1506.02626), section 3: prune by magnitude, then train what is left.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"`sparsity` must be between 0 and 1, not {sparsity}")
    if scope not in {"global", "local"}:
        raise ValueError(f'`scope` must be "global" or "local", not {scope!r}')
    groups = [[p] for p in params] if scope == "local" else [params]
    for group in groups:
        _zero_smallest(group, sparsity)
    return [p != 0 for p in params]


def keep_pruned(
    optimizer: torch.optim.Optimizer, params: list[nn.Parameter], masks: list[Tensor]
) -> torch.utils.hooks.RemovableHandle:
    r"""Let every step of the optimizer end with the pruned weights at 0.

    A gradient of 0 would not do: momentum from before the pruning goes on moving a weight. So the
    zeros are put back after each `optimizer.step()`, with or without a closure.

    Args:
        optimizer: any optimizer of PyTorch. Its state is left alone.
        params: parameters that it steps, all or some of them.
        masks: one bool mask for each of them, in its shape, True where the weight is kept, as
            `prune` returns them. They are not changed.

    Returns:
        A handle: after its `remove()` the optimizer steps as if nothing had been pruned. Several
        calls for one optimizer act together, each until its handle is removed.

        Weights that are kept, and parameters not among `params`, are stepped exactly as they
        would be without this. Nothing happens before the first step.

    Raises:
        ValueError: there are not as many masks as parameters.
    """
    pairs = list(zip(params, masks, strict=True))

    def restore_zeros(*_: object) -> None:
        with torch.no_grad():
            for param, mask in pairs:
                param.masked_fill_(~mask, 0)

    return optimizer.register_step_post_hook(restore_zeros)


@torch.no_grad()
def _zero_smallest(group: list[nn.Parameter], sparsity: float) -> None:
    """Set the smallest weights of a group, which compete with each other, to 0."""
    sizes = [p.numel() for p in group]
    magnitudes = torch.cat([p.abs().flatten() for p in group])  # [n]
    # By place, not by a threshold: a threshold takes all of several equal weights or none.
    smallest = magnitudes.topk(round(sparsity * sum(sizes)), largest=False).indices
    kept = torch.ones_like(magnitudes, dtype=torch.bool)
    kept[smallest] = False
    for param, mask in zip(group, torch.split(kept, sizes), strict=True):
        param.masked_fill_(~mask.reshape(param.shape), 0)
