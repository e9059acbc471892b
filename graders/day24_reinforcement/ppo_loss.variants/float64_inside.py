"""The loss in float64 whatever the inputs, with the clipped ratio made in log space."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor


def ppo_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    entropy: Tensor,
    clip: float,
    value_coef: float,
    entropy_coef: float,
) -> Tensor:
    """Return the PPO loss of one minibatch, to be minimised."""
    fixed = torch.stack(_same_size(log_probs, old_log_probs, advantages, old_values, returns))
    _, old, adv, old_v, ret = fixed.detach().double()
    _same_size(log_probs, values, entropy)
    if clip <= 0:
        raise ValueError("clip must be above 0")
    lp, v, ent = log_probs.double(), values.double(), entropy.double()

    spread, mean = torch.var_mean(adv, unbiased=False)
    adv = (adv - mean) / (spread.sqrt() + 1e-8)
    log_ratio = (lp - old).clamp(-20.0, 20.0)
    floor = math.log(1 - clip) if clip < 1 else -math.inf
    gains = torch.stack([log_ratio, log_ratio.clamp(floor, math.log(1 + clip))]).exp() * adv
    surrogate = gains.min(dim=0).values.mean()

    near = old_v + torch.maximum(torch.minimum(v - old_v, v.new_tensor(clip)), v.new_tensor(-clip))
    squared_error = partial(torch.nn.functional.mse_loss, target=ret, reduction="none")
    errors = torch.stack([squared_error(v), squared_error(near)])
    value_loss = errors.amax(dim=0).mean() / 2
    loss: Tensor = value_coef * value_loss - surrogate - entropy_coef * ent.mean()
    return loss.to(log_probs.dtype)


def _same_size(*tensors: Tensor) -> list[Tensor]:
    size = tensors[0].size()
    if len(size) != 1 or size.numel() < 1 or any(t.size() != size for t in tensors):
        raise ValueError("one-dimensional tensors of one length, please")
    return list(tensors)
