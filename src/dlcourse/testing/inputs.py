"""Makers of inputs that wrong answers cannot pass by luck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOATING: Final = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
"""The dtypes that an answer follows, from the widest on."""

_SHORTEST = 2
_SPREAD = 7
# Where a careless formula overflows, and a careful one does not.
_EXTREME = {torch.float16: 300.0}
_EXTREME_ELSEWHERE = 1e4
# The likeliest of a few classes then gets 0.9 or so, and the others less and less.
_LOGIT_SPREAD = 3.0
_LOGIT_SHIFT = 10.0
_SHARE_MASKED = 0.4


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


def extremes(dtype: torch.dtype) -> torch.Tensor:
    """Return a vector [8] of both signs: the largest, the smallest normal, eps and zero.

    The largest finite number overflows when it is doubled, so this is for functions that only
    choose, compare or scale down; `magnitudes` is for all others.
    """
    limits = torch.finfo(dtype)
    sizes = torch.tensor([limits.max, limits.eps, limits.tiny, 0.0], dtype=torch.float64)
    return torch.cat([sizes, -sizes]).to(dtype)


def each_dtype(
    *inputs: Any, dtypes: tuple[torch.dtype, ...] = FLOATING
) -> Iterator[tuple[torch.dtype, tuple[Any, ...]]]:
    """Yield each dtype with the inputs in it: the same draw, rounded.

    Floating tensors among the inputs are cast and keep their requires_grad; integers, masks and
    numbers stay as they are.
    """
    for dtype in dtypes:
        yield dtype, tuple(_cast(value, dtype) for value in inputs)


def spread_logits(gen: torch.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    """Draw logits in float64 whose softmax over the last axis is far from uniform.

    They have a standard deviation of 3, and each row is shifted by a number of its own between -10
    and 10: a softmax over a wrong axis shows, and so does one that is no softmax at all.
    """
    noise = torch.randn(shape, generator=gen, dtype=torch.float64)
    shift = torch.rand((*shape[:-1], 1), generator=gen, dtype=torch.float64) * 2 - 1
    return _LOGIT_SPREAD * noise + _LOGIT_SHIFT * shift


def masks(gen: torch.Generator, shape: tuple[int, ...]) -> list[tuple[str, torch.Tensor]]:
    """Return bool masks of a shape [..., rows, T], each with its name; True is masked.

    `nothing masked`, `everything masked`, `one row masked` throughout, `one left` in each row, and
    `random` with about two of five masked and at least one left in each row.
    """
    nothing = torch.zeros(shape, dtype=torch.bool)
    row = nothing.clone()
    row.view(-1, shape[-1])[_place(gen, row.numel() // shape[-1])] = True
    kept = torch.randint(shape[-1], (*shape[:-1], 1), generator=gen)
    one_left = torch.ones(shape, dtype=torch.bool).scatter(-1, kept, value=False)
    random = (torch.rand(shape, generator=gen) < _SHARE_MASKED) & one_left
    return [
        ("nothing masked", nothing),
        ("everything masked", ~nothing),
        ("one row masked", row),
        ("one left", one_left),
        ("random", random),
    ]


def ties(gen: torch.Generator, shape: tuple[int, ...], values: int = 3) -> torch.Tensor:
    """Draw whole numbers from 0 to `values` - 1, in float64: most of them have an equal."""
    return torch.randint(values, shape, generator=gen).double()


def kernel_sizes(block: int) -> list[int]:
    """Return the lengths at which a kernel with blocks of `block` elements goes wrong.

    1, one below, at and above the block, and a prime beyond two blocks.
    """
    prime = 2 * block + 1
    while any(prime % divisor == 0 for divisor in range(2, int(prime**0.5) + 1)):
        prime += 1
    return sorted({1, max(1, block - 1), block, block + 1, prime})


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return value
    return value.detach().to(dtype).requires_grad_(value.requires_grad)


def _place(gen: torch.Generator, length: int) -> int:
    return int(torch.randint(length, (), generator=gen))


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
