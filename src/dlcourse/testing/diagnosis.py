"""What a wrong tensor looks like, in sentences for the learner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from dlcourse.testing.comparison import Comparison
from dlcourse.testing.mismatch import capital, counted, first_index
from dlcourse.testing.patterns import Context, explain, swapped_axes
from dlcourse.testing.places import locate
from dlcourse.testing.tolerances import Tolerance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Below, a pattern would tell too much of the expected values; above, looking takes too long.
_FEWEST_ELEMENTS = 8
_MOST_ELEMENTS = 100_000


def diagnose(
    actual: torch.Tensor,
    expected: torch.Tensor,
    rtol: float,
    atol: float,
    *,
    named_axes: Mapping[str, int] | None = None,
    inputs: Sequence[torch.Tensor] = (),
    what: str = "the result",
    equal_nan: bool = False,
) -> tuple[str, ...]:
    """Return what is wrong with `actual`, which has the shape of `expected`; () if nothing is.

    First come NaN and infinity where numbers should be, then how many elements differ and where
    the first of them is. With 8 elements or more, up to 100,000, follows one pattern of the
    named set that accounts for everything, or else the place to which all errors keep.

    Args:
        actual: what graded code returned.
        expected: what it should have returned.
        rtol: relative tolerance of an element.
        atol: absolute tolerance of an element.
        named_axes: lengths by name, `{"D": 7}`, whose factors may be told beside the tensor's own.
        inputs: tensors that the answer may be a copy of.
        what: the name of the thing compared, as the learner reads it.
        equal_nan: NaN is right where `expected` is NaN.
    """
    pair = Comparison(actual, expected, Tolerance(rtol, atol), equal_nan=equal_nan)
    if not bool(pair.bad.any()):
        return ()
    if pair.bad.ndim == 0:
        return (f"{capital(what)} is {_state(pair)}.",)
    sentences = tuple(_not_numbers(pair, what)) or (_count(pair.bad, what),)
    if not _FEWEST_ELEMENTS <= pair.bad.numel() <= _MOST_ELEMENTS:
        return sentences
    told = explain(pair, Context(named_axes or {}, inputs)) or locate(pair.bad)
    return sentences if told is None else (*sentences, told)


def diagnose_shape(actual: torch.Tensor, expected: torch.Tensor, bound: Tolerance) -> str | None:
    """Return why the shape is wrong, if the values are right in another order of the axes."""
    if not _FEWEST_ELEMENTS <= actual.numel() == expected.numel() <= _MOST_ELEMENTS:
        return None
    axes = swapped_axes(Comparison(actual, expected, bound))
    return f"Its values are right once axes {axes[0]} and {axes[1]} are swapped." if axes else None


def _state(pair: Comparison) -> str:
    """Return what a single wrong number is."""
    if bool(torch.isnan(pair.found)):
        return "NaN"
    if bool(torch.isinf(pair.found) & torch.isfinite(pair.due)):
        return "infinite"
    return "not what it should be"


def _not_numbers(pair: Comparison, what: str) -> Iterator[str]:
    """Yield a sentence for NaN, for infinities and, if there were any, for the other errors."""
    nan = pair.bad & torch.isnan(pair.found)
    infinite = pair.bad & torch.isinf(pair.found) & torch.isfinite(pair.due)
    for mask, state in ((nan, "NaN"), (infinite, "infinite")):
        if bool(mask.any()):
            yield f"{capital(what)} is {state} at {_extent(mask)}."
    rest = pair.bad & ~nan & ~infinite
    if bool(rest.any()) and not torch.equal(rest, pair.bad):
        yield f"It differs at {_extent(rest)}."


def _count(bad: torch.Tensor, what: str) -> str:
    return f"{capital(what)} differs at {_extent(bad)}."


def _extent(mask: torch.Tensor) -> str:
    """Return how many elements a mask holds and which is the first."""
    first = first_index(mask)
    return f"{int(mask.sum())} of {counted(mask.numel(), 'element')}, the first at index {first}"
