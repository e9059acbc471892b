import torch


class EvilError(Exception):
    def __str__(self):
        raise RuntimeError("nobody may read this")


def ppo_loss(
    log_probs, old_log_probs, advantages, values, old_values, returns, entropy, clip, value_coef, entropy_coef
):
    raise EvilError
