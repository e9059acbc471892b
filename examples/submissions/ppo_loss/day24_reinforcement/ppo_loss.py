"""A first attempt at the PPO loss: it trains a network, and it is wrong at the edges."""

import torch


def ppo_loss(
    log_probs,
    old_log_probs,
    advantages,
    values,
    old_values,
    returns,
    entropy,
    clip,
    value_coef,
    entropy_coef,
):
    advantages = (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)

    ratio = torch.exp(log_probs - old_log_probs)
    clipped_ratio = torch.clamp(ratio, 1 - clip, 1 + clip)
    policy_loss = -torch.min(ratio * advantages, clipped_ratio * advantages).mean()

    clipped_values = old_values + torch.clamp(values - old_values, -clip, clip)
    errors = torch.max((values - returns) ** 2, (clipped_values - returns) ** 2)
    value_loss = 0.5 * errors.mean()

    return policy_loss + value_coef * value_loss - entropy_coef * entropy.mean()
