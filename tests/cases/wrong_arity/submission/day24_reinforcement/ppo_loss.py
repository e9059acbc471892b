import torch


def ppo_loss(log_probs, old_log_probs, advantages):
    return torch.zeros(())
