"""The discounted return of each step of an episode."""

from __future__ import annotations

import torch
from torch import Tensor


def returns(r: Tensor, gamma: float) -> Tensor:
    """Return the discounted return of each step of one episode.

    ::

        G_t = r_t + gamma * G_(t+1)        t = 0, ..., T - 1,  with G_T = 0

    so G_t = r_t + gamma * r_(t+1) + gamma^2 * r_(t+2) + ..., to the end of the episode: what lies
    before t does not count.

    Args:
        r: [T], the reward of each step; float64, float32, bfloat16 or float16, any strides. It is
            not changed.
        gamma: the discount of one step, 0 <= gamma <= 1.

    Returns:
        G, [T], in the dtype of r and in memory of its own. bfloat16 and float16 are computed in
        float32, and G is rounded at the end. The gradient flows back to r.

    Raises:
        ValueError: r is not one-dimensional, or gamma is not between 0 and 1.

    Edge cases:
        * T = 0: G is empty.
        * gamma = 0: G equals r. gamma = 1: G_t is the sum of all rewards from t on.
        * Long episodes: G is finite and right even where gamma^T is 0 in the dtype of r, so
          dividing by powers of gamma is no way.

    Cost:
        Time and memory in proportion to T, or to T · log T; not to T^2. (The forward is
        measured: how many elements its operations read and write, and how many products a
        convolution takes.)

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        >>> returns(torch.tensor([1.0, 0.0, 4.0]), 0.5)
        tensor([2., 2., 4.])

    Source:
        Sutton and Barto, "Reinforcement Learning: An Introduction" (2nd edition, 2018), section
        3.3, equation 3.9, where the reward of step t is called R_(t+1).
    """
    # TODO
    raise NotImplementedError("discounted_returns: add up the future of each step")
