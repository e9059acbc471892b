import torch


class DivergedError(ArithmeticError):
    pass


def ppo_loss(
    log_probs, old_log_probs, advantages, values, old_values, returns, entropy, clip, value_coef, entropy_coef
):
    raise DivergedError("the loss is not finite")
