"""Generators that graded code has kept, in the worker: they stay one with the grader's.

A request says of the generators

    arguments   the numbers of those among its arguments, in the order of the encoder
    tracked     the numbers of those kept earlier that the grader still has
    states      [[number, index in the frame], ...] of the tracked ones

and the answer says which of them are `kept` now, and whose state the call has changed (`drawn`,
as `states`; the states of arguments come back with every call). So a call that raises has drawn
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dlcourse.sandbox.values import Encoder


class HeldGenerators:
    """Generators of earlier arguments, for as long as graded code refers to them."""

    def __init__(self) -> None:
        self._held: WeakValueDictionary[int, torch.Generator] = WeakValueDictionary()
        self._states: dict[int, torch.Tensor] = {}

    def arriving(
        self, told: Mapping[str, Any], tensors: Sequence[torch.Tensor]
    ) -> dict[int, torch.Generator]:
        """Take over the grader's states; returns the arguments that are held, by their place."""
        for number in {*self._held} - {*told["tracked"], *told["arguments"]}:
            del self._held[number]
        for number, index in told["states"]:
            if number in self._held:
                self._held[number].set_state(tensors[index])
        self._states = {n: generator.get_state() for n, generator in self._held.items()}
        places = enumerate(told["arguments"])
        return {place: self._held[n] for place, n in places if n in self._held}

    def hold(self, told: Mapping[str, Any], arrived: Mapping[int, torch.Generator]) -> None:
        """Remember the arguments, without keeping them."""
        for place, generator in arrived.items():
            self._held[told["arguments"][place]] = generator

    def leaving(self, told: Mapping[str, Any], encoder: Encoder) -> dict[str, Any]:
        """Say which generators graded code still refers to, and which of them it drew from."""
        kept = dict(self._held)
        drawn = {
            n: generator.get_state() for n, generator in kept.items() if n not in told["arguments"]
        }
        return {
            "kept": list(kept),
            "drawn": [
                [n, encoder.tensor(state)]
                for n, state in drawn.items()
                if not torch.equal(state, self._states[n])
            ],
        }
