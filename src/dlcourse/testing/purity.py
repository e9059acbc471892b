"""Whether a call leaves everything but its result as it was.

What is judged here was observed by the worker itself, so it is a claim: it helps honest learners
and stops no forger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from dlcourse.sandbox.observe import tensors_in
from dlcourse.testing.mismatch import Mismatch, capital, ordinal
from dlcourse.testing.replicas import replicas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dlcourse.sandbox.observation import Observation


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
    before = _by_name(replicas(args), replicas(kwargs))
    seen = f.observed(*args, **kwargs)
    after = _by_name(seen.arguments, seen.keywords)
    sentences = [
        f"{capital(name)} was changed in place: {change}."
        for name, value in before.items()
        if (change := _change(value, after[name])) is not None
    ]
    if not may_alias:
        sentences += _shared(seen, before)
    sentences += [f"The call changed {name} and left it so." for name in seen.changed]
    if sentences:
        raise Mismatch(*sentences)


def _by_name(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by the words that a sentence has for them, in the order of a call."""
    named = {f"the {ordinal(place)} argument": value for place, value in enumerate(arguments, 1)}
    return named | {f"the argument `{name}`": value for name, value in keywords.items()}


def _shared(seen: Observation, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each argument whose memory the result shares."""
    owners = [name for name, value in arguments.items() for _ in tensors_in(value)]
    for name in dict.fromkeys(owners[source] for _, source in seen.aliases):
        yield f"The result shares memory with {name}: return a tensor of its own."


def _change(before: Any, after: Any) -> str | None:
    """Return how a value differs after the call, or None if it does not."""
    if isinstance(before, (torch.Tensor, list, tuple, dict)) and not isinstance(
        after, type(before)
    ):
        return "it holds another value"
    match before:
        case torch.Tensor():
            return _tensor_change(before, after)
        case list() | tuple():
            return _container_change(dict(enumerate(before)), dict(enumerate(after)))
        case dict():
            return _container_change(before, after)
        case bool() | int() | float() | complex() | str() | None:
            # `repr` tells NaN from nothing, and 1 from 1.0 and True.
            # The types first: what a worker claims might take minutes to print.
            same = type(before) is type(after) and repr(before) == repr(after)
            return None if same else "it holds another value"
        case _:
            return None  # a random generator, say, advances because it is used


def _container_change(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> str | None:
    if list(before) != list(after):
        return "it holds other elements"
    changes = (_change(value, after[key]) for key, value in before.items())
    return next((change for change in changes if change is not None), None)


def _tensor_change(before: torch.Tensor, after: torch.Tensor) -> str | None:
    attributes = (
        ("its dtype differs", before.dtype, after.dtype),
        ("its shape differs", before.shape, after.shape),
        ("its strides differ", before.stride(), after.stride()),
        ("its requires_grad differs", before.requires_grad, after.requires_grad),
    )
    for change, old, new in attributes:
        if old != new:
            return change
    return None if torch.equal(_bytes(before), _bytes(after)) else "its values differ"


def _bytes(values: torch.Tensor) -> torch.Tensor:
    """Return the elements as raw bytes, so that NaN equals itself and -0.0 is not 0.0."""
    return values.detach().reshape(-1).contiguous().view(torch.uint8)
