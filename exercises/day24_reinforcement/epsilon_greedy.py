"""Epsilon-greedy actions for a batch of states."""

from __future__ import annotations

import torch
from torch import Tensor


def act(q_values: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    r"""Return an action for every state: mostly the best one, now and then any.

    For each row on its own, independently of all others::

        with probability epsilon:      each of the A actions with probability 1 / A
        with probability 1 - epsilon:  argmax over a of q_values(a)

    The best action is one of the A, so it comes up with probability 1 - epsilon + epsilon / A.

    Args:
        q_values: [B, A], the Q-value of each action in each of B states, in units of return;
            float64, float32, bfloat16 or float16, without NaN. Any strides; not changed.
        epsilon: the probability to draw, from 0 to 1.
        generator: the only source of randomness, on the device of `q_values`. It advances.

    Returns:
        The actions, [B], int64, from 0 to A - 1, on the device of `q_values`.

    Raises:
        ValueError: `q_values` is not [B, A] with A at least 1, or `epsilon` is below 0 or above 1.

    Edge cases:
        * epsilon = 0: every action is the best one, the lowest of those that are equally good.
        * epsilon = 1: every action is drawn, and `q_values` decides nothing but the shape.
        * A = 1: every action is 0. B = 0: the result is empty.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        >>> q_values = torch.tensor([[1.0, 3.0, 2.0], [5.0, 4.0, 5.0]])
        >>> act(q_values, epsilon=0.0, generator=torch.Generator()).tolist()
        [1, 0]
        >>> act(q_values, epsilon=0.5, generator=torch.Generator()).shape
        torch.Size([2])

    Source:
        Sutton and Barto, "Reinforcement Learning: An Introduction" (second edition, 2018), section
        2.2.
    """
    # TODO
    raise NotImplementedError("epsilon_greedy: decide for each row whether to draw")
