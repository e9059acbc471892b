"""The loss by cases: where the definition takes a minimum or a maximum, this one asks which."""

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
    n = log_probs.shape[0] if log_probs.ndim == 1 else 0
    everything = [log_probs, old_log_probs, advantages, values, old_values, returns, entropy]
    if n == 0 or any(tensor.shape != (n,) for tensor in everything) or not clip > 0:
        raise ValueError("expected seven tensors of one length and a positive clip")
    dtype = log_probs.dtype
    if dtype in (torch.float16, torch.bfloat16):
        everything = [tensor.float() for tensor in everything]
    log_probs, old_log_probs, advantages, values, old_values, returns, entropy = everything

    with torch.no_grad():
        advantages = advantages - torch.mean(advantages)
        advantages = advantages / (torch.mean(advantages**2) ** 0.5 + 1e-8)
    shift = torch.clip(log_probs - old_log_probs.detach(), min=-20, max=20)
    ratio = torch.exp(shift)
    counted = torch.where(
        advantages >= 0,
        ratio.clamp(max=1 + clip),  # a good action gains no more beyond the clip
        ratio.clamp(min=1 - clip),  # a bad one is blamed no less below it
    )

    old_values, returns = old_values.detach(), returns.detach()
    held = torch.clip(values, old_values - clip, old_values + clip)
    error, held_error = values - returns, held - returns
    worst = torch.where(error.abs() >= held_error.abs(), error, held_error)

    per_sample = -advantages * counted + value_coef * worst.square() / 2 - entropy_coef * entropy
    return (per_sample.sum() / n).to(dtype)
