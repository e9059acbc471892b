"""What graded code was seen doing besides answering: the data, on both sides of the boundary.

All of it is a claim of the process that ran graded code; the grader checks its structure alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dlcourse.sandbox.faults import Place

MAX_NAMES: Final = 1000
MAX_NAME: Final = 200
BACKWARD: Final = "backward"

Key = int | str
"""How an argument is told from the others: by its place, counted from 0, or by its keyword."""


@dataclass(frozen=True)
class Effects:
    """What a call left behind.

    `mutated` pairs an argument with the way in which it differs, in words of `changes.CHANGES`.
    `aliases` pairs an output with an argument whose memory it shares; outputs are tensors, counted
    from 0 and depth-first, and each argument stands there once. `changed` names the global state
    that the call left different, such as "the default dtype".
    """

    mutated: tuple[tuple[Key, str], ...] = ()
    aliases: tuple[tuple[int, Key], ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """How often a name was seen, and the first line of graded code that led there, if one did."""

    count: int
    place: Place | None = None


@dataclass(frozen=True)
class Extent:
    """The most elements that one tensor had, and the most bytes."""

    elements: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Usage:
    """What graded code used while it ran.

    `functions` counts public functions that it called, such as `torch.nn.functional.softmax`, and
    `operations` the operators that ran, such as `aten::mm`. `largest` is over the tensors made,
    views left out. `saved_bytes` is what the graph of the result keeps for its backward, each
    storage once, without arguments and parameters. `flops` counts matrix products, convolutions
    and attention. `complete` is False where more names were seen than are told.
    """

    functions: Mapping[str, Sight] = field(default_factory=dict)
    operations: Mapping[str, Sight] = field(default_factory=dict)
    largest: Extent = Extent()
    saved_bytes: int = 0
    flops: int = 0
    complete: bool = True


@dataclass(frozen=True)
class Record:
    """One watched request: what was called, by its dotted name, and what it was seen doing.

    A backward that the grader asked for is called `backward`; its three arguments are the outputs,
    the inputs and the upstream gradients.
    """

    name: str
    effects: Effects
    usage: Usage
    is_backward: bool = False
