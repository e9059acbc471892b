"""Inputs that wrong answers cannot pass by luck, and replicas of inputs."""

from __future__ import annotations

import pytest
import torch

from dlcourse.testing import (
    FLOATING,
    each_dtype,
    extremes,
    kernel_sizes,
    magnitudes,
    masks,
    odd_shapes,
    spread_logits,
    strided,
    ties,
)
from dlcourse.testing.replicas import replica, replicas


@pytest.mark.parametrize("ndim", [0, 1, 2, 5])
def test_the_lengths_of_a_shape_differ(ndim: int) -> None:
    """No two axes of a shape are equal, and none has length 1."""
    gen = torch.Generator().manual_seed(ndim)
    shapes = odd_shapes(gen, ndim, count=20)
    assert len(shapes) == 20
    assert all(len(set(shape)) == len(shape) == ndim for shape in shapes)
    assert all(length >= 2 for shape in shapes for length in shape)


def test_shapes_follow_their_generator() -> None:
    """The same state draws the same shapes, another state others."""
    drawn = [odd_shapes(torch.Generator().manual_seed(seed), 3) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.complex64])
@pytest.mark.parametrize("shape", [(3, 5), (7,), (2, 3, 4)])
def test_layouts_hold_the_values(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """All layouts but the expanded one hold the same values in other memory."""
    x = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape).to(dtype)
    layouts = dict(strided(x))
    assert list(layouts) == ["transposed", "sliced", "offset", "expanded"]
    expanded = layouts.pop("expanded")
    assert all(torch.equal(layout, x) for layout in layouts.values())
    assert torch.equal(expanded, x[:1].expand_as(x))
    assert all(layout.dtype is dtype for layout in layouts.values())


def test_layouts_are_what_their_names_say() -> None:
    """Strides and offsets differ from those of a fresh tensor."""
    layouts = dict(strided(torch.ones(3, 5)))
    assert layouts["transposed"].stride() == (1, 3)
    assert layouts["sliced"].stride() == (10, 2)
    assert layouts["offset"].storage_offset() == 5
    assert layouts["expanded"].stride() == (0, 1)


def test_memory_between_the_elements_is_poisoned() -> None:
    """Code that reads the storage and not the tensor meets NaN."""
    for name, layout in strided(torch.ones(3, 5)):
        memory = torch.empty(0).set_(layout.untyped_storage())
        assert bool(memory.isnan().any()) is (name in {"sliced", "offset"})


@pytest.mark.parametrize(("dtype", "extreme"), [(torch.float32, 1e4), (torch.float16, 300.0)])
def test_magnitudes_reach_where_careless_formulas_overflow(
    dtype: torch.dtype, extreme: float
) -> None:
    """The vector is symmetric about zero, and its exponential overflows."""
    values = magnitudes(dtype)
    assert values.dtype is dtype
    assert values.max() == extreme
    assert torch.equal(values, -values.flip(0))
    assert bool((values == 0).any())
    assert bool(values.exp().isinf().any())


def test_a_replica_looks_the_same_and_shares_nothing() -> None:
    """Values, strides, offset and requires_grad are kept; memory and graph are not."""
    base = torch.arange(24.0).requires_grad_()
    for value in (base.reshape(4, 6)[1:, ::2].T, base[:1].expand(3, 1), base[5], base):
        copy = replica(value)
        assert torch.equal(copy, value)
        assert copy.stride() == value.stride()
        assert copy.storage_offset() == value.storage_offset()
        assert copy.requires_grad
        assert copy.is_leaf
        assert copy.untyped_storage().data_ptr() != value.untyped_storage().data_ptr()


def test_a_replica_resolves_lazy_bits() -> None:
    """A lazily conjugated or negated tensor becomes plain memory with its values."""
    lazy = torch.tensor([1 + 2j, 3 - 1j]).conj()
    assert torch.equal(replica(lazy), lazy)
    assert torch.equal(replica(lazy.imag), lazy.imag)


def test_replicas_reach_into_containers() -> None:
    """Containers are rebuilt, other values handed on."""
    gen = torch.Generator()
    ones, zeros = torch.ones(2), torch.zeros(1)
    copy = replicas([ones, ({"a": zeros}, 3, gen)])
    copy[0].zero_()
    copy[1][0]["a"].add_(1)
    assert torch.equal(ones, torch.ones(2))
    assert torch.equal(zeros, torch.zeros(1))
    assert copy[1][1] == 3
    assert copy[1][2] is gen


def seeded() -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("dtype", FLOATING)
def test_extremes_are_finite_and_at_the_edges(dtype: torch.dtype) -> None:
    """The largest number doubled is infinite, the smallest is not zero; both signs are there."""
    values = extremes(dtype)
    assert values.dtype is dtype
    assert bool(torch.isfinite(values).all())
    assert bool((2 * values.max()).isinf())
    assert float(values[2]) == torch.finfo(dtype).tiny > 0
    assert torch.equal(values[4:], -values[:4])


def test_the_same_draw_comes_in_each_dtype() -> None:
    """Floating tensors are rounded and keep their requires_grad, the rest is handed on."""
    x = torch.tensor([1 / 3, 300.0], dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([True, False])
    seen = list(each_dtype(x, mask, 0.5))
    assert [dtype for dtype, _ in seen] == list(FLOATING)
    for dtype, (rounded, same, number) in seen:
        assert rounded.dtype is dtype
        assert rounded.requires_grad
        assert rounded.is_leaf
        assert torch.equal(rounded, x.to(dtype))
        assert same is mask
        assert number == 0.5


def test_spread_logits_make_a_softmax_far_from_uniform() -> None:
    """The likeliest class of most rows has more than half, and rows are shifted."""
    logits = spread_logits(seeded(), (200, 6))
    assert logits.dtype is torch.float64
    likeliest = logits.softmax(-1).max(-1).values
    assert float((likeliest > 0.5).double().mean()) > 0.8
    assert float(logits.mean(-1).std()) > 3


def test_masks_are_what_their_names_say() -> None:
    """Each pattern holds for every row, and the random one leaves something."""
    patterns = dict(masks(seeded(), (2, 7, 5)))
    assert not patterns["nothing masked"].any()
    assert patterns["everything masked"].all()
    assert int(patterns["one row masked"].all(-1).sum()) == 1
    assert int(patterns["one row masked"].sum()) == 5
    assert bool((patterns["one left"].sum(-1) == 4).all())
    assert bool(patterns["random"].any())
    assert not patterns["random"].all(-1).any()
    assert {mask.shape for mask in patterns.values()} == {(2, 7, 5)}


def test_ties_have_equals() -> None:
    """There are fewer values than elements."""
    assert set(ties(seeded(), (50,)).tolist()) == {0.0, 1.0, 2.0}


def test_kernel_sizes_surround_the_block() -> None:
    """The last one is a prime beyond two blocks."""
    assert kernel_sizes(64) == [1, 63, 64, 65, 131]
    assert kernel_sizes(2) == [1, 2, 3, 5]
