"""Value iteration: the optimal values of a known Markov decision process, within a tolerance."""

from __future__ import annotations

import torch
from torch import Tensor

_SUM_ERROR = 1e-6


def vi(transitions: Tensor, rewards: Tensor, gamma: float, tol: float) -> tuple[Tensor, Tensor]:
    r"""Return values within `tol` of the optimal ones, and a policy that goes with them.

    The optimal values V* of S states with A actions each are the one solution of Bellman's
    equation, which value iteration uses as an assignment::

        V(s) = max over a of Q(s, a),   Q(s, a) = R(s, a) + gamma * sum over t of P(s, a, t) * V(t)

    Each sweep brings V nearer to V* by the factor gamma or better, in the largest error over all
    states. So the size of the last change bounds the error that is left::

        max |V_new - V*| <= gamma / (1 - gamma) * max |V_new - V_old|

    Args:
        transitions: [S, A, S], float64. P(s, a, t), the probability to arrive in state t after
            action a in state s.
        rewards: [S, A], float64, finite. R(s, a), the expected reward of that action.
        gamma: the discount per step, from 0 to less than 1.
        tol: how far a value may lie from the optimal one, in units of return; positive, and large
            against the rounding errors of float64 (at least 1e-10 times the largest value).

        S and A are at least 1. The tensors may have any strides, and are not changed.

    Returns:
        (V, pi). V is [S], float64, with |V(s) - V*(s)| <= tol for every state, whatever the MDP.
        pi is [S], int64: an action for every state whose Q*(s, a) lies within 2 * tol of the best
        one, taken as the best one by some Q of a last sweep, or by the Q of V.

    Raises:
        ValueError: The shapes are not [S, A, S] and [S, A] with S and A at least 1; an entry of
            `transitions` is negative or NaN; the probabilities of a state and an action differ
            from 1 by more than 1e-6 in their sum; `gamma` is below 0, or 1 or more; `tol` is 0 or
            negative.

    Edge cases:
        * Actions that lead to the same states with the same rewards are equally good: pi is the
          lowest of the best actions.
        * gamma = 0: V is the greatest reward of each state. Nothing is divided by gamma.
        * An absorbing state (its only successor is itself) without rewards has the value 0.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        In state 0, action 0 stays for a reward of 1, and action 1 moves on to state 1 for 0.
        State 1 gives 3 for ever.

        >>> transitions = torch.tensor(
        ...     [[[1, 0], [0, 1]], [[0, 1], [0, 1]]], dtype=torch.float64
        ... )
        >>> rewards = torch.tensor([[1, 0], [3, 3]], dtype=torch.float64)
        >>> values, policy = vi(transitions, rewards, gamma=0.5, tol=1e-6)
        >>> [round(value, 4) for value in values.tolist()]
        [3.0, 6.0]
        >>> policy.tolist()
        [1, 0]

    Source:
        Sutton and Barto, "Reinforcement Learning: An Introduction" (second edition, 2018), section
        4.4. The bound follows from Banach's fixed-point theorem.
    """
    _check(transitions, rewards)
    if not 0 <= gamma < 1 or not tol > 0:
        raise ValueError(f"`gamma` ({gamma}) must lie in [0, 1) and `tol` ({tol}) be positive")
    values = torch.zeros_like(rewards[:, 0])  # [S]
    while True:
        q = rewards + gamma * (transitions @ values)  # [S, A]
        previous, values = values, q.amax(dim=1)
        change = (values - previous).abs().max()
        # The bound, multiplied by 1 - gamma.
        if gamma * change <= tol * (1 - gamma):
            return values, q.argmax(dim=1)


def _check(transitions: Tensor, rewards: Tensor) -> None:
    if rewards.dim() != 2 or transitions.shape != (*rewards.shape, len(rewards)):  # noqa: PLR2004 - S and A
        raise ValueError(
            f"`transitions` must be [S, A, S] and `rewards` [S, A], not {[*transitions.shape]} "
            f"and {[*rewards.shape]}"
        )
    if rewards.numel() == 0:
        raise ValueError("there must be at least one state and one action")
    totals = transitions.sum(dim=2)  # [S, A]
    # Asked this way round because NaN fails every comparison.
    if not ((transitions >= 0).all() and ((totals - 1).abs() <= _SUM_ERROR).all()):
        raise ValueError(
            "`transitions` must hold probabilities that add up to 1 over the last axis"
        )
