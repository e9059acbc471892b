"""The targets of a deep Q-network: n steps of reward, and the target network for the rest."""

from __future__ import annotations

import torch
from torch import Tensor


def target(
    rewards: Tensor,
    done: Tensor,
    q_online: Tensor,
    q_target: Tensor,
    gamma: float,
    n: int,
    *,
    double: bool,
) -> Tensor:
    r"""Return what the Q-value of each action taken should be, according to n steps and a guess.

    A sample is a state, the action taken in it, the rewards of n steps and the state n steps
    later. With q(a) one row of `q_target`, and p(a) the same row of `q_online`::

        best   = max over a of q(a)              plain DQN
        best   = q(argmax over a of p(a))        Double DQN: one network chooses, the other values
        target = reward + gamma^n * best         or the reward alone where the task is done

    Args:
        rewards: [B], r_1 + gamma * r_2 + ... + gamma^(n-1) * r_n of each sample: already
            discounted and added up.
        done: [B], bool, whether the task ended within the n steps.
        q_online: [B, A], the Q-values of the network in training at the state n steps later.
        q_target: [B, A], those of the target network, an older copy, at the same state.
        gamma: the discount per step, from 0 to 1.
        n: the number of steps, at least 1.
        double: whether the online network chooses the action.

        The three tensors of numbers share one dtype (float64, float32, bfloat16 or float16), and
        all four one device. They may have any strides, and are not changed. In both tables minus
        infinity stands for an action that is not available; in a row that is not done, `q_target`
        is finite for at least one action, and `q_online` for none for which `q_target` is not.

    Returns:
        The targets, [B], in the dtype of `rewards`, in memory of their own. They are data: they
        carry no graph, even if an argument requires a gradient. bfloat16 and float16 are computed
        in float32, and the targets are rounded once, at the end.

    Raises:
        ValueError: `rewards` and `done` are not both [B], or the two tables not both [B, A]
            (nothing is broadcast), A is 0, `gamma` is below 0 or above 1, or `n` is below 1.
        TypeError: `done` is not of dtype bool.

    Edge cases:
        * Where `done` is set, the rows of both tables may hold anything, NaN and minus infinity
          throughout included: they are not read.
        * Without `double` all of `q_online` may hold anything: it is not read.
        * Equal greatest values in `q_online`: one of these actions counts, whichever.
        * B = 0: the result is empty.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        >>> arguments = {
        ...     "rewards": torch.tensor([1.0, 1.0]),
        ...     "done": torch.tensor([False, True]),
        ...     "q_online": torch.tensor([[5.0, 4.0], [0.0, 1.0]]),
        ...     "q_target": torch.tensor([[4.0, 8.0], [9.0, 9.0]]),
        ...     "gamma": 0.5,
        ...     "n": 2,
        ... }
        >>> target(**arguments, double=False).tolist()  # 1 + 0.25 * 8
        [3.0, 1.0]
        >>> target(**arguments, double=True).tolist()  # 1 + 0.25 * 4
        [2.0, 1.0]

    Source:
        Mnih et al., "Human-level control through deep reinforcement learning" (Nature 518, 2015):
        the target network. Van Hasselt, Guez and Silver, "Deep Reinforcement Learning with Double
        Q-learning" (2015, arXiv:1509.06461), section "Double DQN". Hessel et al., "Rainbow:
        Combining Improvements in Deep Reinforcement Learning" (2017, arXiv:1710.02298), paragraph
        "Multi-step learning".
    """
    _check(rewards, done, q_online, q_target)
    if not 0 <= gamma <= 1 or n < 1:
        raise ValueError(f"`gamma` ({gamma}) must lie between 0 and 1, and `n` ({n}) be at least 1")
    chooser = q_online if double else q_target
    action = chooser.argmax(dim=1, keepdim=True)  # [B, 1]
    best = q_target.detach().gather(1, action).squeeze(1)  # [B]

    wide = torch.promote_types(rewards.dtype, torch.float32)
    # Filled, not multiplied by 0: a state without actions may hold NaN or infinity.
    future = best.to(wide).masked_fill(done, 0.0)
    return (rewards.detach() + gamma**n * future).to(rewards.dtype)


def _check(rewards: Tensor, done: Tensor, q_online: Tensor, q_target: Tensor) -> None:
    if rewards.dim() != 1 or done.shape != rewards.shape:
        raise ValueError(
            f"`rewards` and `done` must both be [B], not {[*rewards.shape]} and {[*done.shape]}"
        )
    if q_target.dim() != 2 or q_online.shape != q_target.shape:  # noqa: PLR2004 - B and A
        raise ValueError(
            f"both tables must be [B, A], not {[*q_online.shape]} and {[*q_target.shape]}"
        )
    if len(q_target) != len(rewards) or q_target.shape[1] == 0:
        raise ValueError(
            f"a table of shape {[*q_target.shape]} holds no action, or not {len(rewards)} samples"
        )
    if done.dtype != torch.bool:
        raise TypeError(f"`done` must be of dtype bool, not {done.dtype}")
