"""Generalized Advantage Estimation over a rollout of several environments."""

from __future__ import annotations

import torch
from torch import Tensor


def gae(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    lam: float,
) -> tuple[Tensor, Tensor]:
    r"""Return the advantages of a rollout and the targets of its critic.

    A rollout holds T transitions of N environments that run side by side. Row t of every argument
    describes transition t: from a state, by an action, to the next state. For each environment::

        delta_t = rewards_t + gamma * next_values_t - values_t
        A_t     = delta_t + gamma * lam * A_{t+1},       with A_T = 0
        ret_t   = A_t + values_t

    An episode may end inside the rollout, and then the environment is reset: transition t + 1
    belongs to another episode, and so does A_{t+1}.

    * `terminated_t`: the next state is the end of the task. No reward can follow, so
      `next_values_t` counts as 0, and so does A_{t+1}.
    * `truncated_t`: the episode was stopped from outside (a time limit), but the task would go
      on. A_{t+1} counts as 0, while `next_values_t` stands for the rewards that were cut off.
    * Neither: the next state is the state of transition t + 1.

    Args:
        rewards: [T, N], the reward of each transition.
        values: [T, N], the critic's estimate at the state where the transition starts, in units
            of return.
        next_values: [T, N], its estimate at the state where the transition arrives, before a
            reset. Where an episode ends, this is not `values` of the next row; elsewhere it need
            not be (the estimates may come from two networks): the formulas hold as they stand.
        terminated: [T, N], bool, whether transition t reached the end of the task.
        truncated: [T, N], bool, whether transition t was the last before a stop from outside.
        gamma: the discount per step, from 0 to 1.
        lam: the lambda of the estimator, from 0 (one step) to 1 (all steps).

        The three tensors of numbers share one dtype (float64, float32, bfloat16 or float16), and
        all five one device. They may have any strides, and are not changed.

    Returns:
        (advantages, returns), each [T, N] in the dtype of `rewards`, in memory of its own. Both
        are data: they carry no graph, even if an argument requires a gradient. bfloat16 and
        float16 are computed in float32, and each result is rounded once, at the end.

    Raises:
        ValueError: The five tensors do not all have one shape [T, N] (nothing is broadcast), or
            `gamma` or `lam` is below 0 or above 1.
        TypeError: `terminated` or `truncated` is not of dtype bool.

    Edge cases:
        * Both flags set: the end of the task counts, so `next_values_t` is 0.
        * `next_values` may hold anything where `terminated` is set, NaN and infinity included:
          it is not read there.
        * The last row: no transition follows, so A_T = 0, and `next_values` is used unless
          `terminated` is set there.
        * T = 0 or N = 0: both results are empty, of shape [T, N].
        * Rollouts of hundreds of steps with a small gamma * lam, 0 included, are as exact as
          short ones: nothing is divided by a power of it.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        One environment, three transitions; the second is the last of an episode.

        >>> advantages, returns = gae(
        ...     rewards=torch.tensor([[1.0], [1.0], [1.0]]),
        ...     values=torch.tensor([[2.0], [2.0], [2.0]]),
        ...     next_values=torch.tensor([[2.0], [4.0], [2.0]]),
        ...     terminated=torch.tensor([[False], [False], [False]]),
        ...     truncated=torch.tensor([[False], [True], [False]]),
        ...     gamma=0.5,
        ...     lam=0.5,
        ... )
        >>> advantages.tolist()  # the second is 1 + 0.5 * 4 - 2, the first 0 + 0.25 * 1
        [[0.25], [1.0], [0.0]]
        >>> returns.tolist()
        [[2.25], [3.0], [2.0]]

    Source:
        Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage
        Estimation" (2015, arXiv:1506.02438), section 3, equation 16. What to do where an episode
        is stopped from outside: Pardo et al., "Time Limits in Reinforcement Learning" (2017,
        arXiv:1712.00378).
    """
    _check((rewards, values, next_values, terminated, truncated), gamma, lam)
    # In bfloat16 a sum of ones stops growing at 256.
    wide = torch.promote_types(rewards.dtype, torch.float32)
    reward, value, next_value = (x.detach().to(wide) for x in (rewards, values, next_values))

    # Filled, not multiplied by 0: what the critic says of a terminal state may be NaN.
    delta = reward + gamma * next_value.masked_fill(terminated, 0.0) - value  # [T, N]
    decay = torch.full_like(delta, gamma * lam).masked_fill(terminated | truncated, 0.0)  # [T, N]
    advantages = torch.empty_like(delta)
    following = delta.new_zeros(delta.shape[1])  # A_{t+1}, [N]
    for t in reversed(range(len(delta))):
        following = delta[t] + decay[t] * following
        advantages[t] = following
    return advantages.to(rewards.dtype), (advantages + value).to(rewards.dtype)


def _check(rollout: tuple[Tensor, ...], gamma: float, lam: float) -> None:
    shapes = {tuple(x.shape) for x in rollout}
    if len(shapes) > 1 or rollout[0].dim() != 2:  # noqa: PLR2004 - T and N
        raise ValueError(f"the five tensors must share one shape [T, N], not {sorted(shapes)}")
    if any(flag.dtype != torch.bool for flag in rollout[3:]):
        raise TypeError("`terminated` and `truncated` must be of dtype bool")
    if not (0 <= gamma <= 1 and 0 <= lam <= 1):
        raise ValueError(f"`gamma` ({gamma}) and `lam` ({lam}) must lie between 0 and 1")
