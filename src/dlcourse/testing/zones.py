"""Buffers with guard zones, laid in the process that runs graded code.

This module travels to the worker as source, so it imports nothing of the course and holds no
expected value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


class Zone:
    """A tensor inside of a larger buffer: `inside` is the tensor, the rest of the buffer guards it.

    The guards hold numbers that differ, or else what no right answer is made of.
    """

    def __init__(self, x: torch.Tensor, guard: int, device: str, *, numbers: bool) -> None:
        steps = zip(x.shape, x.stride(), strict=True)
        reach = 1 + sum((n - 1) * step for n, step in steps) if x.numel() else 0
        length = guard + reach + guard
        self._guard = guard
        self._whole = _filled(length, x.dtype, numbers=numbers).to(device)
        index = torch.arange(length, device=device)
        self._places = index.as_strided(x.shape, x.stride(), guard).reshape(-1)
        self._whole[self._places] = x.detach().reshape(-1).to(device)
        self.inside = self._whole.as_strided(x.shape, x.stride(), guard)
        self._before = self._bytes()

    def trespasses(self) -> dict[str, int]:
        """Return how many elements of the guards have changed, by side."""
        changed = (self._bytes() != self._before).any(1)
        changed[self._places] = False
        end = len(changed) - self._guard
        sides = {"before": changed[: self._guard], "after": changed[end:]}
        sides["between"] = changed[self._guard : end]
        return {side: int(at.sum()) for side, at in sides.items() if at.any()}

    def _bytes(self) -> torch.Tensor:
        """Return the bytes of each element, so that NaN equals itself."""
        return self._whole.view(torch.uint8).reshape(len(self._whole), -1).clone()


def call_in_zones(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    guard: int,
    device: str,
) -> dict[str, Any]:
    """Call a function twice with its tensors inside of zones, and say what became of them.

    NaN written over NaN would not show, and neither would a number that is read: so the guards of
    the first call hold numbers, those of the second one NaN.
    """
    named: dict[Any, Any] = dict(enumerate(arguments))
    named.update(keywords)
    tensors = {key: value for key, value in named.items() if isinstance(value, torch.Tensor)}
    most: dict[tuple[Any, str], int] = {}
    for numbers in (True, False):
        zones = {key: Zone(x, guard, device, numbers=numbers) for key, x in tensors.items()}
        given = {**named, **{key: zone.inside for key, zone in zones.items()}}
        positional = tuple(given[place] for place in range(len(arguments)))
        result = function(*positional, **{key: given[key] for key in keywords})
        for key, zone in zones.items():
            for side, count in zone.trespasses().items():
                most[key, side] = max(most.get((key, side), 0), count)
    return {
        "result": _home(result),
        "arguments": _home(positional),
        "keywords": {key: _home(given[key]) for key in keywords},
        "trespasses": [(*place, count) for place, count in most.items()],
    }


def _filled(length: int, dtype: torch.dtype, *, numbers: bool) -> torch.Tensor:
    if numbers:
        return (torch.arange(length) % 89 + 17).to(dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.full((length,), math.nan, dtype=dtype)
    largest = 0 if dtype is torch.bool else torch.iinfo(dtype).max
    return torch.full((length,), largest, dtype=dtype)


def _home(value: Any) -> Any:
    """Return copies, on the CPU, of the tensors in a value."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, (list, tuple)):
        return type(value)(_home(part) for part in value)
    return value
