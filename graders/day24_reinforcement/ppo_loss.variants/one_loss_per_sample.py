"""The loss through `vmap`: written for one sample, mapped over the batch."""

from __future__ import annotations

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
    trained = [log_probs, values, entropy]
    data = [old_log_probs, advantages, old_values, returns]
    if any(x.dim() != 1 or len(x) != len(log_probs) for x in trained + data):
        raise ValueError("all tensors have the shape [B]")
    if len(log_probs) == 0 or clip <= 0:
        raise ValueError("the batch holds at least one sample, and `clip` is positive")
    dtype = torch.float64 if log_probs.dtype == torch.float64 else torch.float32
    log_prob, value, bonus = (x.to(dtype) for x in trained)
    old_log_prob, advantage, old_value, target = (x.detach().to(dtype) for x in data)
    advantage = advantage.sub(advantage.mean())
    advantage = advantage.div(advantage.norm() / len(advantage) ** 0.5 + 1e-8)

    def sample_loss(lp: Tensor, old: Tensor, a: Tensor, v: Tensor, v0: Tensor, r: Tensor) -> Tensor:
        ratio = torch.exp(torch.clamp(lp - old, -20, 20))
        loss = torch.max(-a * ratio, -a * torch.clamp(ratio, 1 - clip, 1 + clip))
        near = torch.clamp(v - v0, -clip, clip) + v0
        return loss + value_coef * 0.5 * torch.max((v - r) ** 2, (near - r) ** 2)

    losses = torch.vmap(sample_loss)(log_prob, old_log_prob, advantage, value, old_value, target)
    return torch.mean(losses - entropy_coef * bonus).to(log_probs.dtype)
