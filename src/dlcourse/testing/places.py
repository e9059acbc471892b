"""Where the wrong elements of a tensor lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


def locate(bad: torch.Tensor) -> str | None:
    """Return the one place to which the wrong elements keep, if they keep to one.

    `bad` marks them. A place is one slice along an axis, the diagonal of the last two axes, or
    one side of it. Where every element is wrong, or a single one, there is nothing to tell.
    """
    count = int(bad.sum())
    if count in {1, bad.numel()}:
        return None
    return _in_one_slice(bad) or _about_the_diagonal(bad)


def _in_one_slice(bad: torch.Tensor) -> str | None:
    if bad.ndim == 1:
        return None  # one element of a vector: the count and the first index have told it
    for axis in reversed(range(bad.ndim)):
        hit = bad.movedim(axis, 0).flatten(1).any(dim=1).nonzero().flatten().tolist()
        length = bad.shape[axis]
        if len(hit) == 1 and length > 1:
            name = {0: "the first", length - 1: "the last"}.get(hit[0])
            where = f"index {hit[0]}" if name is None else f"{name} index"
            return f"All of them lie at {where} of axis {axis}."
    return None


def _about_the_diagonal(bad: torch.Tensor) -> str | None:
    if bad.ndim < 2 or bad.shape[-1] != bad.shape[-2]:  # noqa: PLR2004  (a matrix has two axes)
        return None
    for words, part in _PARTS.items():
        if not bool((bad & ~part(torch.ones_like(bad))).any()):
            return f"All of them lie {words} of the last two axes."
    return None


_PARTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "on the diagonal": lambda ones: ones.tril().triu(),
    "above the diagonal": lambda ones: ones.triu(1),
    "below the diagonal": lambda ones: ones.tril(-1),
    "off the diagonal": lambda ones: ones.triu(1) | ones.tril(-1),
}
