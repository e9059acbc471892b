"""The REINFORCE loss: log-probabilities weighed by reward-to-go minus a baseline."""

from __future__ import annotations

import torch
from torch import Tensor


def reinforce(
    log_probs: Tensor, rewards: Tensor, done: Tensor, gamma: float, baseline: Tensor | None
) -> Tensor:
    """Return the REINFORCE loss of one rollout, to be minimised.

    The rollout may hold several episodes, one after the other. With G the reward-to-go of each
    step, which ends with its episode, and b the baseline, or 0 without one::

        G_t  = rewards_t                        if done_t, or if t is the last step
               rewards_t + gamma * G_(t+1)      otherwise
        loss = -1/T * sum over t of  log_probs_t * (G_t - b_t)

    Only `log_probs` come from the policy in training. Rewards and baseline are data: no gradient
    reaches them, even if they require one.

    Args:
        log_probs: [T], log-probability (in nats) of each action taken; finite.
        rewards: [T], the reward that followed each action.
        done: [T], bool, whether the episode ended with this step. The last step need not be done:
            then what would have come after it counts as 0.
        gamma: the discount of one step, 0 <= gamma <= 1.
        baseline: [T], what return was expected at each step, in units of return; or None.

        The floating-point tensors share one dtype (float64, float32, bfloat16 or float16). All
        may have any strides, and are not changed.

    Returns:
        The loss, of shape [] and in the dtype of `log_probs`. bfloat16 and float16 are computed
        in float32, and the loss is rounded at the end.

    Raises:
        ValueError: the tensors are not all one-dimensional and of one length (nothing is
            broadcast), T is 0, or gamma is not between 0 and 1.

    Edge cases:
        * T = 1, and episodes of one step: G_t is the reward.
        * Two episodes of one rollout do not know of each other: the rewards of the second change
          no gradient in the first.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        Two episodes: one of two steps, with the returns 2 and 2, and one of one step.

        >>> reinforce(
        ...     log_probs=torch.tensor([-1.0, -2.0, -3.0]),
        ...     rewards=torch.tensor([1.0, 2.0, 4.0]),
        ...     done=torch.tensor([False, True, True]),
        ...     gamma=0.5,
        ...     baseline=torch.tensor([1.0, 1.0, 1.0]),
        ... )
        tensor(4.)

    Source:
        Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist
        Reinforcement Learning" (Machine Learning 8, 1992). Sutton and Barto, "Reinforcement
        Learning: An Introduction" (2nd edition, 2018), sections 13.3 and 13.4: the return from t
        on, and the baseline. (Their factor gamma^t is left out here, as is usual.)
    """
    # TODO
    raise NotImplementedError("reinforce: weigh each log-probability by what came of the action")
