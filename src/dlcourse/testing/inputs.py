"""Makers of inputs that wrong answers cannot pass by luck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORTEST = 2
_SPREAD = 7
# Where a careless formula overflows, and a careful one does not.
_EXTREME = {torch.float16: 300.0}
_EXTREME_ELSEWHERE = 1e4


def odd_shapes(gen: torch.Generator, ndim: int, count: int = 3) -> list[tuple[int, ...]]:
    """Return random shapes whose lengths differ, so that no exchange of axes goes unseen.

    Lengths start at 2. Within a shape no two are equal.
    """
    lengths = _SPREAD + ndim
    return [
        tuple((torch.randperm(lengths, generator=gen)[:ndim] + _SHORTEST).tolist())
        for _ in range(count)
    ]


def strided(x: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    """Return `x` in other memory layouts, each with its name.

    All hold the values of `x`, which has at least one axis, except `expanded`: it repeats the
    first slice of `x` in place of the others, because its rows share their memory. What lies
    between and before the elements is NaN, so that code which ignores strides is seen.
    """
    return list(_layouts(x.detach()))


def magnitudes(dtype: torch.dtype) -> torch.Tensor:
    """Return a vector of both signs from 0 to the size at which careless formulas overflow.

    The extreme is 300 in float16 and 1e4 in every other dtype.
    """
    extreme = _EXTREME.get(dtype, _EXTREME_ELSEWHERE)
    sizes = torch.tensor([1e-3, 1.0, 20.0, 100.0, extreme], dtype=torch.float64)
    return torch.cat([-sizes.flip(0), torch.zeros(1, dtype=torch.float64), sizes]).to(dtype)


def _layouts(x: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    yield "transposed", x.movedim(0, -1).contiguous().movedim(-1, 0)
    yield "sliced", _filled(x, (*x.shape[:-1], 2 * x.shape[-1]))[..., ::2].copy_(x)
    yield "offset", _filled(x, (x.shape[0] + 1, *x.shape[1:]))[1:].copy_(x)
    yield "expanded", x[:1].clone().expand_as(x)


def _filled(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return memory full of NaN, or of the largest value where there is no NaN."""
    if x.dtype.is_floating_point or x.dtype.is_complex:
        return torch.full(shape, torch.nan, dtype=x.dtype, device=x.device)
    filler = True if x.dtype is torch.bool else torch.iinfo(x.dtype).max
    return torch.full(shape, filler, dtype=x.dtype, device=x.device)
