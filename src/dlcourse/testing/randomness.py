"""Generators of their own, and whether a result is decided by the generator that was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dlcourse.sandbox.changes import change
from dlcourse.testing.mismatch import Mismatch, capital
from dlcourse.testing.replicas import replicas

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST_SEED = 1 << 62
# One other state may lead to the same result by chance, where there are few results.
_OTHERS = 8


def spawn(gen: torch.Generator) -> torch.Generator:
    """Return a fresh generator, seeded by a draw from `gen`, which advances.

    Two calls give two generators that share nothing, and the same state of `gen` the same two.
    """
    seed = torch.randint(_LARGEST_SEED, (), generator=gen, device=gen.device)
    return torch.Generator(gen.device).manual_seed(int(seed))


def assert_reproducible(
    call: Callable[[torch.Generator], Any],
    gen: torch.Generator,
    *,
    what: str = "the result",
) -> None:
    """Assert that the generator's state decides a result, and that nothing else does.

    The same state must lead to the same result bit for bit, whatever was drawn in between from
    global state; another state to another result; and a second call with the generator that a
    first one has used to another result as well, because the first call has advanced it.

    Args:
        call: takes a generator, calls graded code once and returns what is to be compared, plain
            values: `lambda g: student.dropout(x, 0.5, generator=g)`. Whatever has state, such as
            a module, is made inside of it.
        gen: where the generators come from, the test's `gen`.
        what: what the learner knows the result as.

    A right answer is called wrong only where nine draws agree by chance: if a call draws one of
    two values, in 1 of 256 cases; if it draws 20 bits, never (below 1e-40).

    Raises:
        Mismatch: one of these fails.
    """
    first = replicas(call(spawn(_twin(gen))))
    again = call(spawn(_twin(gen)))
    if change(first, again) is not None:
        raise Mismatch(
            f"{capital(what)} differs between two calls with generators in the same state: draw "
            "from the `generator` alone, and keep nothing from one call to the next."
        )
    used = spawn(gen)
    if all(change(first, call(used)) is None for _ in range(_OTHERS + 1)):
        raise Mismatch(
            f"{capital(what)} is the same in each call with one generator: draw from the "
            "`generator` itself, which advances, and not from a copy or from its seed."
        )
    if all(change(first, call(spawn(gen))) is None for _ in range(_OTHERS)):
        raise Mismatch(
            f"{capital(what)} is the same for generators in other states: draw from the "
            "`generator` that is given."
        )


def _twin(gen: torch.Generator) -> torch.Generator:
    """Return a generator in the state of `gen`, so that `gen` stays where it is."""
    return gen.clone_state()
