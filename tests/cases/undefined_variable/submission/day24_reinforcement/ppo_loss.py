import torch


def ppo_loss(
    log_probs, old_log_probs, advantages, values, old_values, returns, entropy, clip, value_coef, entropy_coef
):
    ratio = (log_probs - old_log_prob).exp()
    return ratio.mean()
