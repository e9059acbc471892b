"""Generators that graded code has kept, as the grader sees them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from dlcourse.sandbox.decoder import item
from dlcourse.sandbox.description import entries, number
from dlcourse.sandbox.generators import advance
from dlcourse.sandbox.tensors import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from dlcourse.sandbox.values import Encoder

MAX_SHARED: Final = 256


class SharedGenerators:
    """The generators that were arguments and stayed: each is one on both sides.

    What the suite sets or draws reaches graded code with the next call, and what graded code draws
    comes back with its answer.
    """

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self._numbers: WeakKeyDictionary[torch.Generator, int] = WeakKeyDictionary()
        self._kept: WeakValueDictionary[int, torch.Generator] = WeakValueDictionary()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._kept)

    def told(self, encoder: Encoder) -> dict[str, Any] | None:
        """What a call says of the generators; None where there are none."""
        if not encoder.generators and not self._kept:
            return None
        tracked = dict(self._kept)
        return {
            "arguments": [self._number(generator) for generator in encoder.generators],
            "tracked": list(tracked),
            "states": [[n, encoder.tensor(g.get_state())] for n, g in tracked.items()],
        }

    def _number(self, generator: torch.Generator) -> int:
        if generator not in self._numbers:
            self._numbers[generator] = next(self._count)
        return self._numbers[generator]

    def absorb(
        self, arguments: Sequence[torch.Generator], answer: Any, tensors: Sequence[torch.Tensor]
    ) -> None:
        """Advance the generators that graded code drew from, and keep those that it kept.

        The arguments have been advanced already. Raises Malformed and Reseeded.
        """
        if type(answer) is not dict:
            raise Malformed("what became of the generators")
        drawn = [(number(n), item(tensors, i)) for n, i in entries(answer.get("drawn"), 2)]
        for n, state in drawn:
            if n not in self._kept:
                raise Malformed("a draw from an unknown generator")
            advance(self._kept[n], state)
        known = {**self._kept, **{self._numbers[generator]: generator for generator in arguments}}
        kept = [number(n) for n in entries(answer.get("kept"))]
        if not known.keys() >= set(kept) or len(kept) > MAX_SHARED:
            raise Malformed("generators that were never there, or too many")
        self._kept = WeakValueDictionary({n: known[n] for n in kept})
