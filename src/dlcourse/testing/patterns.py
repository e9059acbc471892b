"""The patterns by which a wrong tensor may be known: a closed list.

A pattern relates the answer as a whole to the right one without telling a value of either. The
list is closed, and `explain` refuses small tensors, because feedback that answered any question
would be an oracle: enough questions would yield the expected values.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from dlcourse.testing.mismatch import counted
from dlcourse.testing.tolerances import widened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import torch

    from dlcourse.testing.comparison import Comparison

# Under a looser tolerance two factors can fit at once, and the sentence would be a guess.
_SHARPEST_FACTORS = 1e-2


class Context(NamedTuple):
    """What a pattern may refer to besides the two tensors."""

    named_axes: Mapping[str, int]
    inputs: Sequence[torch.Tensor]


class _Factor(NamedTuple):
    """A factor by which answers are often wrong, and the sentence that tells it."""

    value: float
    sentence: str


def explain(pair: Comparison, context: Context) -> str | None:
    """Return the first pattern that accounts for the whole of a wrong answer, if one does."""
    for pattern in _PATTERNS:
        sentence = pattern(pair, context)
        if sentence is not None:
            return sentence
    return None


def swapped_axes(pair: Comparison) -> tuple[int, int] | None:
    """Return two axes whose exchange makes the answer right; its shape may differ from the due."""
    for first, second in combinations(range(pair.found.ndim), 2):
        if pair.agree(pair.found.transpose(first, second), pair.due):
            return first, second
    return None


def _equal_to_input(pair: Comparison, context: Context) -> str | None:
    for place, value in enumerate(context.inputs):
        if pair.agree(pair.found, widened(value)):
            return f"Every element equals that of input {place}: it came back unchanged."
    return None


def _constant(pair: Comparison, _: Context) -> str | None:
    if not bool(pair.found.any()):
        return "Every element is zero."
    if bool((pair.found == pair.found.flatten()[0]).all()):
        return "All elements are equal."
    return None


def _scaled(pair: Comparison, context: Context) -> str | None:
    """Look for one factor between the answers, and only among the named ones."""
    if pair.bound.rtol > _SHARPEST_FACTORS:
        return None
    peak = int(pair.due.abs().nan_to_num(0.0, posinf=0.0).argmax())
    found, due = pair.found.flatten(), pair.due.flatten()
    fitting = [
        factor
        for factor in _factors(tuple(pair.due.shape), context.named_axes)
        # The largest element alone rules out almost every factor.
        if pair.agree(found[peak], factor.value * due[peak], factor.value)
        and pair.agree(found, factor.value * due, factor.value)
    ]
    if not fitting or any(factor.value != fitting[0].value for factor in fitting):
        return None
    return fitting[0].sentence


def _transposed(pair: Comparison, _: Context) -> str | None:
    axes = swapped_axes(pair)
    if axes is None:
        return None
    return f"The values are right once axes {axes[0]} and {axes[1]} are swapped: it is transposed."


def _reshaped(pair: Comparison, _: Context) -> str | None:
    """Look for memory read in another order: `x.T` poured into the shape by `reshape`."""
    shape = pair.due.shape
    for first, second in combinations(range(pair.due.ndim), 2):
        if pair.agree(pair.found, pair.due.transpose(first, second).reshape(shape)):
            return (
                f"The values are right but in the order of axes {first} and {second} swapped: "
                "it was reshaped where it must be transposed."
            )
    return None


def _signs(pair: Comparison, _: Context) -> str | None:
    if not pair.agree(pair.found.abs(), pair.due.abs()):
        return None
    count = counted(int(pair.bad.sum()), "element")
    return f"The magnitudes are right, the sign is wrong at {count}."


def _reversed(pair: Comparison, _: Context) -> str | None:
    for axis in range(pair.due.ndim):
        if pair.agree(pair.found, pair.due.flip(axis)):
            return f"The values are right but run backwards along axis {axis}."
    return None


def _offset(pair: Comparison, _: Context) -> str | None:
    difference = pair.found - pair.due
    if pair.agree(pair.found, pair.due + difference.mean()):
        return "Every element is off by the same amount."
    return None


def _shifted(pair: Comparison, _: Context) -> str | None:
    """Look for values one place off along an axis, whatever fills the place left free."""
    for axis, length in enumerate(pair.due.shape):
        if length < 3:  # noqa: PLR2004  (two places are too few to tell a shift from chance)
            continue
        ahead = (pair.found.narrow(axis, 1, length - 1), pair.due.narrow(axis, 0, length - 1))
        behind = (pair.found.narrow(axis, 0, length - 1), pair.due.narrow(axis, 1, length - 1))
        if pair.agree(*ahead):
            return f"The values sit one place too far along axis {axis}."
        if pair.agree(*behind):
            return f"The values sit one place too early along axis {axis}."
    return None


def _permuted(pair: Comparison, _: Context) -> str | None:
    if pair.found.is_complex() or pair.due.is_complex():
        return None
    if pair.agree(pair.found.flatten().sort().values, pair.due.flatten().sort().values):
        return "The values are the right ones in another order."
    return None


# From the most specific to the least: the first that fits is told.
_PATTERNS: tuple[Callable[[Comparison, Context], str | None], ...] = (
    _constant,
    _equal_to_input,
    _scaled,
    _transposed,
    _reshaped,
    _reversed,
    _signs,
    _offset,
    _shifted,
    _permuted,
)


def _factors(shape: tuple[int, ...], named_axes: Mapping[str, int]) -> Iterator[_Factor]:
    """Yield the factors that may be named, the plainest first."""
    yield _Factor(-1.0, "Every element is -1 times what it should be: the sign is flipped.")
    yield _times(2.0, "2 times")
    yield _times(0.5, "half of")
    for name, length in _lengths(shape, named_axes):
        if length > 1:
            yield from _factors_of(name, length)
    yield _times(math.log(2), "ln 2 times", "which logarithm is meant?")
    yield _times(1 / math.log(2), "1/ln 2 times", "which logarithm is meant?")
    yield _times(math.pi, "pi times")
    yield _times(1 / math.pi, "1/pi times")


def _lengths(shape: tuple[int, ...], named_axes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield the counts that a mean or a norm may have divided by, with their names."""
    yield from named_axes.items()
    yield from ((f"the length of axis {axis}", length) for axis, length in enumerate(shape))
    yield "the number of elements", math.prod(shape)


def _factors_of(name: str, length: int) -> Iterator[_Factor]:
    note = f"N is {length}, {name}"
    yield _times(length, "N times", note)
    yield _times(1 / length, "1/N times", note)
    yield _times(math.sqrt(length), "sqrt(N) times", note)
    yield _times(1 / math.sqrt(length), "1/sqrt(N) times", note)
    bessel = length / (length - 1)
    yield _times(bessel, "N/(N-1) times", note)
    yield _times(1 / bessel, "(N-1)/N times", note)
    yield _times(math.sqrt(bessel), "sqrt(N/(N-1)) times", note)
    yield _times(math.sqrt(1 / bessel), "sqrt((N-1)/N) times", note)


def _times(value: float, words: str, note: str = "") -> _Factor:
    end = f": {note}" if note.endswith("?") else f" ({note})." if note else "."
    return _Factor(value, f"Every element is {words} what it should be{end}")
