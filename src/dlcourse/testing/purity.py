"""Whether a call leaves everything but its result as it was.

What is judged here was observed by the worker itself, so it is a claim: it helps honest learners
and stops no forger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dlcourse.testing.mismatch import Mismatch, capital, ordinal

if TYPE_CHECKING:
    from dlcourse.sandbox.observation import Observation
    from dlcourse.sandbox.record import Key


class Observable(Protocol):
    """A function that can also be called under observation."""

    def observed(self, *args: Any, **kwargs: Any) -> Observation:
        """Call the function and return what happened."""
        ...


def assert_pure(f: Observable, *args: Any, may_alias: bool = False, **kwargs: Any) -> None:
    """Assert that a call changes neither its arguments nor global state.

    Arguments must be bit for bit what they were, NaN included, with the same dtype, shape,
    strides and requires_grad. The result must share no memory with them unless `may_alias`.
    All other arguments go to the function.

    Raises:
        Mismatch: something was changed or is shared, with one sentence for each such thing.
    """
    seen = f.observed(*args, **kwargs)
    sentences = [
        f"{capital(argument_name(key))} was changed in place: {change}."
        for key, change in seen.mutated
    ]
    if not may_alias:
        sentences += [
            f"The result shares memory with {argument_name(key)}: return a tensor of its own."
            for _, key in seen.aliases
        ]
    sentences += [f"The call changed {name} and left it so." for name in seen.changed]
    if sentences:
        raise Mismatch(*sentences)


def argument_name(key: Key) -> str:
    """Return the words that a sentence has for an argument: its place, counted from 1, or name."""
    return f"the argument `{key}`" if isinstance(key, str) else f"the {ordinal(key + 1)} argument"


def assert_view_of(f: Observable, *args: Any, of: Key = 0, **kwargs: Any) -> None:
    """Assert that the result of a call is a view: it shares the memory of one argument.

    `of` is the argument's place, counted from 0, or its name. Nothing may be changed in place.

    Raises:
        Mismatch: the result has memory of its own, or something was changed.
    """
    assert_pure(f, *args, may_alias=True, **kwargs)
    if of not in {key for _, key in f.observed(*args, **kwargs).aliases}:
        raise Mismatch(f"The result shares no memory with {argument_name(of)}: return a view.")
