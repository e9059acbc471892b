"""The hidden suite of `broadcast_unbroadcast`."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_gradcheck,
    assert_gradients_match,
    assert_pure,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    strided,
    watch,
)

Shape = tuple[int, ...]
HUGE = 10**12  # no tensor has an axis of such a length


def draw(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw a normal tensor in float64."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


def thinned(gen: torch.Generator, shape: Shape) -> Shape:
    """Return a shape that broadcasts to `shape`: some axes of length 1, some in front missing."""
    ones = torch.rand(len(shape), generator=gen) < 0.5
    missing = int(torch.randint(0, len(shape) + 1, (), generator=gen))
    return tuple(1 if one else n for n, one in zip(shape, ones.tolist(), strict=True))[missing:]


def thinnings(shape: Shape) -> list[Shape]:
    """Return every shape that broadcasts to `shape`."""
    kept = [
        part
        for missing in range(len(shape) + 1)
        for part in product(*({1, n} for n in shape))
        if all(length == 1 for length in part[:missing])
    ]
    every = [part[missing:] for part in kept for missing in range(len(shape) + 1)]
    return sorted({part for part in every if expected_shape(shape, part) == shape})


def expected_shape(a: Shape, b: Shape) -> Shape | None:
    """Return the common shape by PyTorch's own rule, None where there is none."""
    nothing = torch.zeros((), dtype=torch.bool)
    try:
        return tuple((nothing.expand(a) | nothing.expand(b)).shape)
    except RuntimeError:
        return None


def expected_sum(g: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Return g summed down to `shape`, axis by axis from the last."""
    g = g.double()
    aligned = (*(0,) * (g.dim() - len(shape)), *shape)  # 0 marks an axis that vanishes
    for axis in reversed(range(g.dim())):
        if aligned[axis] == 1:
            g = g.sum(axis, keepdim=True)
        elif axis < g.dim() - len(shape):
            g = g.sum(axis)
    return g


def assert_shape(student: Student, a: Shape, b: Shape, due: Shape) -> None:
    """Assert that two shapes give the due one, in either order."""
    for pair in ((a, b), (b, a)):
        actual = student.broadcast_shape(*pair)
        assert_values_match(actual, due, what=f"the common shape of {pair[0]} and {pair[1]}")


def assert_sum(student: Student, g: torch.Tensor, shape: Shape) -> None:
    """Assert that g is summed down to `shape`, in its dtype."""
    actual = student.unbroadcast(g, shape)
    assert_values_match(
        actual,
        expected_sum(g, shape),
        reduction=max(g.numel(), 1),
        scale=max(1.0, math.sqrt(g.numel())),  # terms of order one may cancel
        dtype=g.dtype,
        what=f"the sum to the shape {shape}",
    )


def assert_refused(function: Any, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that a call raises a ValueError."""
    try:
        function.unchecked(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@in_worker
def is_plain_tuple(student: Any) -> bool:
    """Say whether the common shape is a tuple of ints."""
    shape = student.broadcast_shape((3, 1), (4,))
    return isinstance(shape, tuple) and all(type(length) is int for length in shape)


@points(2)
def test_lengths_are_aligned_at_the_end(student: Student, gen: torch.Generator) -> None:
    """Shapes are aligned at their last axes; missing axes and axes of length 1 are stretched."""
    shapes = [*odd_shapes(gen, 4), *odd_shapes(gen, 3), *odd_shapes(gen, 2)]
    pairs = [(thinned(gen, shape), thinned(gen, shape)) for shape in shapes]
    fixed = [((5, 1, 3), (4, 1)), ((7,), (2, 1)), ((1, 6), (6, 1)), ((3, 3), (3,)), ((1,), (1, 1))]
    for a, b in [*pairs, *fixed]:
        due = expected_shape(a, b)
        assert due is not None
        assert_shape(student, a, b, due)
    assert_shape(student, (HUGE, 1, 3), (HUGE, 1), (HUGE, HUGE, 3))


@points(2)
def test_scalars_and_empty_axes(student: Student, gen: torch.Generator) -> None:
    """The shape () changes nothing, and 0 with 1 gives 0."""
    (shape,) = odd_shapes(gen, 3, 1)
    n = shape[0]
    cases = [
        *(((), (), ()), ((), shape, shape), ((), (0,), (0,)), ((), (1,), (1,))),
        *(((0,), (1,), (0,)), ((0,), (0,), (0,)), ((n, 1), (0,), (n, 0)), ((0, n), (1, 1), (0, n))),
        *(((0, 1), (n,), (0, n)), ((n, 0), (1,), (n, 0)), ((n, 1, 0), (n, 1), (n, n, 0))),
    ]
    for a, b, due in cases:
        assert_shape(student, a, b, due)


@points(2)
def test_incompatible_shapes_are_refused(student: Student, gen: torch.Generator) -> None:
    """Lengths that differ raise a ValueError unless one of them is 1, on any axis."""
    m, n, k = odd_shapes(gen, 3, 1)[0]
    assert_shape(student, (m, 1), (n,), (m, n))  # a good pair is not refused
    bad = [
        *(((m,), (n,)), ((m, n), (m,)), ((m, n), (m, 1, 1, k)), ((m, n, k), (n, n, k))),
        *(((m, n), (n, m)), ((k, m, 1), (k, n, 1)), ((2 * n,), (n,)), ((m, 1), (n, k, 1))),
        *(((0,), (n,)), ((0, m), (n, 1)), ((m, 0), (m, 2))),
    ]
    for a, b in bad:
        for pair in ((a, b), (b, a)):
            assert_refused(student.broadcast_shape, pair, f"the shapes {pair[0]} and {pair[1]}")


@points(1)
def test_shape_is_a_tuple_of_ints(student: Student, gen: torch.Generator) -> None:
    """The common shape is a tuple of plain ints, also for shapes taken from tensors."""
    a, b = draw(gen, 4, 1, 3), draw(gen, 2, 1)
    assert_shape(student, tuple(a.shape), tuple(b.shape), (4, 2, 3))
    if not is_plain_tuple(student):
        pytest.fail("The common shape is no tuple of ints.")


@points(2)
def test_missing_axes_are_summed_and_vanish(student: Student, gen: torch.Generator) -> None:
    """Leading axes that `shape` does not have are summed over, and are gone."""
    shapes = [*odd_shapes(gen, 3), *odd_shapes(gen, 4, 2), *odd_shapes(gen, 2), (3, 3, 3)]
    gradients = [draw(gen, *shape) for shape in shapes]
    for g in gradients:
        for missing in range(1, g.dim()):
            assert_sum(student, g, tuple(g.shape[missing:]))


@points(2)
def test_stretched_axes_are_summed_and_stay(student: Student, gen: torch.Generator) -> None:
    """Axes of length 1 that were stretched are summed over, and stay as axes of length 1."""
    shapes = [*odd_shapes(gen, 2), *odd_shapes(gen, 3), (3, 3)]
    gradients = [draw(gen, *shape) for shape in shapes]
    for g in gradients:
        for shape in product(*((1, length) for length in g.shape)):
            assert_sum(student, g, shape)


@points(2)
def test_missing_and_stretched_axes_together(student: Student, gen: torch.Generator) -> None:
    """Both kinds of axes at once, axes where g has length 1 itself, and nothing to sum at all."""
    shapes = [*odd_shapes(gen, 3, 1), (2, 1, 3), (1, 4, 1), (1, 1)]
    gradients = [draw(gen, *shape) for shape in shapes]
    for g in gradients:
        for shape in thinnings(tuple(g.shape)):
            assert_sum(student, g, shape)


@points(1)
def test_sum_to_a_scalar(student: Student, gen: torch.Generator) -> None:
    """For the shape () all of g is summed, to a tensor without axes."""
    gradients = [draw(gen, *shape) for shape in ((), (5,), (2, 4), (1,), (3, 1, 2))]
    for g in gradients:
        assert_sum(student, g, ())


@points(1)
def test_sum_of_nothing_is_zero(student: Student, gen: torch.Generator) -> None:
    """An axis of length 1 stretched to 0 gets a zero, an axis of length 0 stays empty."""
    g = draw(gen, 4, 3)
    assert_sum(student, g, (4, 1))
    for empty in (g[:0], g[:, :0], g[:0, :0]):
        for shape in thinnings(tuple(empty.shape)):
            assert_sum(student, empty, shape)


@points(2)
def test_sum_is_the_backward_of_broadcasting(student: Student, gen: torch.Generator) -> None:
    """The result is differentiable: each element of g gets the gradient of the sum it is in."""
    (shape,) = odd_shapes(gen, 3, 1)
    g = draw(gen, *shape).requires_grad_()
    targets = [shape[1:], (1, shape[1], 1), (shape[2],), (), (shape[1], 1), shape]
    upstreams = [draw(gen, *target) for target in targets]
    for target, upstream in zip(targets, upstreams, strict=True):
        assert_gradients_match(
            student.unbroadcast, expected_sum, (g, target), upstream, names=("g", "shape")
        )
    small = g.detach()[:2, :2, :2].clone().requires_grad_()
    names = ("g", "shape")
    assert_gradcheck(student.unbroadcast, (small, (2, 1)), names=names, reference=expected_sum)


@points(1)
def test_shapes_that_do_not_fit_are_refused(student: Student, gen: torch.Generator) -> None:
    """A `shape` that does not broadcast to that of g raises a ValueError."""
    g = draw(gen, 4, 3)
    assert_sum(student, g, (1, 3))  # a good shape is not refused
    for shape in ((4,), (2, 3), (3, 4), (4, 6), (1, 4, 3), (2, 4, 3), (1, 1, 1), (4, 0), (12,)):
        assert_refused(student.unbroadcast, (g, shape), f"`g` of shape (4, 3) and {shape}")
    # These broadcast together, but to a larger shape than that of g.
    for part, shape in ((g[:1], (4, 3)), (g[:, :1], (3,)), (g[0, 0], (1,)), (g[:1], (0, 3))):
        what = f"`g` of shape {tuple(part.shape)} and {shape}"
        assert_refused(student.unbroadcast, (part, shape), what)


@points(2)
def test_nothing_ready_made_is_used(student: Student, gen: torch.Generator) -> None:
    """Shape and sum are worked out by hand: no `broadcast_shapes`, `sum_to_size` or autograd."""
    g = draw(gen, 4, 3)
    with watch(student) as seen:
        assert_shape(student, (4, 1), (3,), (4, 3))
        assert_sum(student, g, (3,))
        assert_sum(student, g, (4, 1))
    assert_allowed(seen)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_g_of_any_strides_and_dtype_is_left_as_it_is(
    student: Student, gen: torch.Generator
) -> None:
    """The result has the dtype of g, whatever its strides, and g is not changed."""
    g = draw(gen, 4, 5, 3)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert_sum(student, g.to(dtype), (5, 1))
        assert_sum(student, g.to(dtype), (4, 5, 3))
    for _, layout in strided(g):
        for shape in ((5, 1), (4, 5, 3)):
            assert_pure(student.unbroadcast, layout, shape, may_alias=True)
            assert_sum(student, layout, shape)
