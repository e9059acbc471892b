"""Brings a generator to the state in which graded code left it, if draws can lead there.

A state that a worker claims is not taken on trust: torch itself reads past the state's words where
its two counters disagree, and a state of graded code's own choice would decide what the suite
draws next. So the Mersenne Twister is advanced here, block by block, until its words are the
claimed ones.
"""

from __future__ import annotations

import struct
from typing import Final

import torch

from dlcourse.sandbox.tensors import Malformed

# at::mt19937's layout on the wire: the seed, `left`, `seeded`, `next`, then the words.
_COUNTERS: Final = struct.Struct("<QiiQ")
_WORDS: Final = 624
_WORDS_END: Final = _COUNTERS.size + 8 * _WORDS
_MOST_BLOCKS: Final = 1 << 14  # ten million draws


class Reseeded(ValueError):  # noqa: N818 - what graded code did, told as a wrong answer
    """Graded code set the generator's state instead of drawing from it."""


def restore(generator: torch.Generator, state: torch.Tensor) -> None:
    """Set a generator's state; raises Malformed for what is not one."""
    if state.dtype is not torch.uint8 or state.shape != generator.get_state().shape:
        raise Malformed("not the state of a generator")
    _require_consistent(state)
    try:
        generator.set_state(state.contiguous())
    except RuntimeError:
        raise Malformed("not the state of a generator") from None


def advance(generator: torch.Generator, claimed: torch.Tensor) -> None:
    """Advance a generator to the claimed state.

    Raises:
        Malformed: it is no state.
        Reseeded: no number of draws, up to ten million, leads from the generator's state there.
    """
    arrived = torch.Generator()
    restore(arrived, claimed)
    probe = generator.clone_state()
    words = _words(arrived)
    for _ in range(_MOST_BLOCKS):
        if torch.equal(_words(probe), words):
            generator.set_state(arrived.get_state())
            return
        torch.empty(_WORDS, dtype=torch.int32).random_(generator=probe)
    raise Reseeded("no draws lead to the generator's state")


def _words(generator: torch.Generator) -> torch.Tensor:
    return generator.get_state()[_COUNTERS.size : _WORDS_END]


def _require_consistent(state: torch.Tensor) -> None:
    """Raise Malformed unless the words left and the next one add up to a block."""
    raw = bytes(state.tolist()[: _COUNTERS.size])
    _, left, _, following = _COUNTERS.unpack(raw)
    fresh = (left, following) == (1, 0)
    if not fresh and not (1 <= following <= _WORDS and left + following == _WORDS + 1):
        raise Malformed("not the state of a generator")
