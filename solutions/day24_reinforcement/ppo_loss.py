"""The loss of Proximal Policy Optimization: clipped policy, clipped values, entropy bonus."""

from __future__ import annotations

import torch
from torch import Tensor

_EPSILON = 1e-8
_MAX_LOG_RATIO = 20.0


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
    r"""Return the PPO loss of one minibatch, to be minimised.

    With the mean taken over the B samples, and every product, minimum and maximum elementwise::

        A      = (advantages - mean(advantages)) / (std(advantages) + 1e-8)
        ratio  = exp(clamp(log_probs - old_log_probs, -20, 20))
        policy = -mean(min(ratio * A, clamp(ratio, 1 - clip, 1 + clip) * A))

        near   = old_values + clamp(values - old_values, -clip, clip)
        value  = 1/2 * mean(max((values - returns)^2, (near - returns)^2))

        loss   = policy + value_coef * value - entropy_coef * mean(entropy)

    `std` is the population standard deviation (divide by B), and 1e-8 is added to it, outside the
    square root.

    Only `log_probs`, `values` and `entropy` come from the networks in training. The other four
    tensors are data: no gradient reaches them, even if they require one.

    Args:
        log_probs: [B], log-probability (in nats) of each action taken, under the policy in
            training. `-inf` is allowed.
        old_log_probs: [B], the same under the policy that took the actions; finite.
        advantages: [B], how much better than expected each action turned out, not normalised.
        values: [B], the critic's estimates, in units of return.
        old_values: [B], its estimates at the time when the actions were taken.
        returns: [B], the targets of the critic.
        entropy: [B], the entropy (in nats) of the policy in training at each state.
        clip: how far the ratio may move from 1, and a value from its old one, before it is
            clipped; positive.
        value_coef: weight of the value term; 0 switches it off.
        entropy_coef: weight of the entropy bonus; 0 switches it off.

        The seven tensors share one dtype (float64, float32, bfloat16 or float16) and one device.
        They may have any strides, and are not changed.

    Returns:
        The loss, of shape [] and in the dtype of the inputs. bfloat16 and float16 are computed
        in float32, and the loss is rounded at the end.

    Raises:
        ValueError: The seven tensors are not all one-dimensional and of one length (nothing is
            broadcast), the batch is empty, or `clip` is zero or negative.

    Edge cases:
        * B = 1, or equal advantages: A is 0, so the policy term is 0 and so is its gradient, up to
          rounding. (In float32 the mean of equal numbers may be off by 1e-8, which divided by
          1e-8 is not small: float64 keeps A small.)
        * A log-ratio beyond +-20: the ratio is e^20 or e^-20, and `log_probs` gets the gradient 0
          there. Loss and gradients are finite for every log-ratio, `-inf` included, as far as
          the dtype reaches: e^20 is infinite in float16.
        * Where the clipped ratio or the clipped value is the one that counts, the gradient is 0.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        The second action has become e times as likely; being good, it counts 1.2 times only.

        >>> loss = ppo_loss(
        ...     log_probs=torch.tensor([-1.0, -1.0]),
        ...     old_log_probs=torch.tensor([-1.0, -2.0]),
        ...     advantages=torch.tensor([3.0, 5.0]),
        ...     values=torch.tensor([1.0, 3.0]),
        ...     old_values=torch.tensor([1.0, 2.0]),
        ...     returns=torch.tensor([2.0, 2.0]),
        ...     entropy=torch.tensor([1.0, 1.0]),
        ...     clip=0.2,
        ...     value_coef=0.5,
        ...     entropy_coef=0.01,
        ... )
        >>> round(loss.item(), 4)  # policy -0.1, value 0.5 * 0.5, entropy 0.01 * 1
        0.14

    Source:
        Schulman et al., "Proximal Policy Optimization Algorithms" (2017, arXiv:1707.06347):
        equation 7 (the clipped objective) and equation 9 (the three terms). Clipping the value
        loss is one of the details that Engstrom et al. examine in "Implementation Matters in Deep
        Policy Gradients" (2020, arXiv:2005.12729). Normalised advantages and the factor 1/2 are
        usual in implementations; the bound of 20 is this course's own.
    """
    batch = (log_probs, old_log_probs, advantages, values, old_values, returns, entropy)
    _check(batch, clip)
    # In float16 the epsilon is 0 and the square of an error of 300 is infinite.
    wide = torch.promote_types(log_probs.dtype, torch.float32)
    log_prob, old_log_prob, advantage, value, old_value, target, bonus = (x.to(wide) for x in batch)

    log_ratio = log_prob - old_log_prob.detach()
    policy_loss = _policy_loss(log_ratio, _normalised(advantage.detach()), clip)
    value_loss = _value_loss(value, old_value.detach(), target.detach(), clip)
    loss = policy_loss + value_coef * value_loss - entropy_coef * bonus.mean()
    return loss.to(log_probs.dtype)


def _check(batch: tuple[Tensor, ...], clip: float) -> None:
    shapes = {tuple(x.shape) for x in batch}
    if len(shapes) > 1 or batch[0].dim() != 1:
        raise ValueError(f"the seven tensors must share one shape [B], not {sorted(shapes)}")
    if batch[0].numel() == 0:
        raise ValueError("the batch is empty: a mean needs at least one sample")
    if clip <= 0:
        raise ValueError(f"`clip` must be positive, not {clip}")


def _normalised(advantage: Tensor) -> Tensor:
    """Return [B] with mean 0 and, up to the epsilon, standard deviation 1."""
    # In float32 the rounding of the mean of equal numbers would weigh as much as the epsilon.
    advantage = advantage.double()
    centred = advantage - advantage.mean()
    return centred / (advantage.std(correction=0) + _EPSILON)


def _policy_loss(log_ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """Return minus the clipped surrogate objective, []."""
    # Clamped before exp: exp(100) is inf in float32, and inf * 0 in its backward is NaN.
    ratio = log_ratio.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO).exp()
    # The minimum is a pessimist: a ratio may lower the objective without limit, not raise it.
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()


def _value_loss(value: Tensor, old_value: Tensor, target: Tensor, clip: float) -> Tensor:
    """Return half the mean of the larger squared errors, []."""
    near = old_value + (value - old_value).clamp(-clip, clip)
    return 0.5 * torch.maximum((value - target).square(), (near - target).square()).mean()
