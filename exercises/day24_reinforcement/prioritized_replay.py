"""A replay buffer that draws by priority, and weights that take its bias out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class PER:
    r"""Keeps the newest items, and draws those more often from which there is more to learn.

    An item's priority p is the size of its last temporal-difference error, plus a little. With
    N the number of items held, and the sum and the maximum as stated::

        p_i = |td_i| + eps
        P_i = p_i^alpha / sum of p_k^alpha over the N items held      probability of each draw
        w_i = (N · P_i)^(-beta) / max of (N · P_j)^(-beta) over the batch      weight of a draw

    Drawing some items more often biases a mean over the batch; the weights take the bias out, in
    full for beta = 1. Dividing by their maximum only ever makes updates smaller.

    Items stand in slots: the first in slot 0, the next in slot 1, and so on. When all slots are
    taken, the next item replaces the oldest one, in its slot.

    `len(buffer)` is N, and `buffer[i]` the item in slot i, 0 <= i < N.

    Args:
        capacity: number of slots, at least 1.
        alpha: how much priorities matter; 0 draws all items alike. Not negative.
        beta: how much of the bias is taken out; 0 makes all weights 1. Not negative.
        eps: what is added to each |td|, in the unit of td; positive.

    Raises:
        ValueError: an argument is out of its range.

    Edge cases:
        * td = 0: the priority is eps, so the item is drawn again some day.
        * alpha = 0: slots without an item are not drawn, here as elsewhere.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        Two draws in three go to the second item, which counts half as much in return.

        >>> buffer = PER(capacity=8, alpha=1.0, beta=1.0, eps=0.5)
        >>> buffer.add("dull")
        >>> buffer.add("surprising")
        >>> buffer.update(torch.tensor([0, 1]), torch.tensor([0.5, -1.5]))
        >>> idx, w = buffer.sample(30, torch.Generator().manual_seed(0))
        >>> w[idx == 0].unique(), w[idx == 1].unique()
        (tensor([1.]), tensor([0.5000]))

    Source:
        Schaul, Quan, Antonoglou and Silver, "Prioritized Experience Replay" (2015,
        arXiv:1511.05952): equation 1 (P), section 3.3 (p, proportional variant), section 3.4 (w),
        algorithm 1 (maximal priority for new items). The paper draws a batch in strata; here
        draws are independent.
    """

    def __init__(self, capacity: int, alpha: float, beta: float, eps: float) -> None:
        # TODO
        raise NotImplementedError("prioritized_replay: make an empty buffer")

    def __len__(self) -> int:
        """Return the number of items held."""
        # TODO
        raise NotImplementedError("prioritized_replay: count the items")

    def __getitem__(self, slot: int) -> Any:
        """Return the item in a slot."""
        # TODO
        raise NotImplementedError("prioritized_replay: return the item in a slot")

    def add(self, item: Any) -> None:
        """Put an item, which may be anything, into the next slot, with maximal priority.

        That is the largest priority in the buffer at this moment, the one of the item that is
        about to be replaced included; or 1.0 if the buffer is empty. Nothing is added to it.
        """
        # TODO
        raise NotImplementedError("prioritized_replay: store an item with maximal priority")

    def sample(self, n: int, gen: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw n slots, each independently with probability P, so one may come up repeatedly.

        Args:
            n: number of draws, at least 1; it may exceed N.
            gen: the only source of randomness: equal states draw equally, and the state advances.

        Returns:
            idx, [n], int64, the slots; and w, [n], float32, their weights, without a graph.

        Raises:
            ValueError: n is smaller than 1, or the buffer is empty.
        """
        # TODO
        raise NotImplementedError("prioritized_replay: draw slots and weigh them")

    def update(self, idx: Tensor, td: Tensor) -> None:
        """Set the priorities of the drawn items to |td| + eps. All others keep theirs.

        Args:
            idx: [n], int64, slots that hold an item. One may occur repeatedly, then with the same
                td each time. With n = 0 no priority changes.
            td: [n], the new temporal-difference errors, of either sign; float64 or float32, with
                or without a graph, of any strides. It is not changed, and no graph is kept.

        Raises:
            ValueError: idx and td are not one-dimensional and of one length.
            IndexError: a slot is negative or holds no item. Then no priority changes.
        """
        # TODO
        raise NotImplementedError("prioritized_replay: set the priorities of the drawn items")
