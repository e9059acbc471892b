"""The hidden suite of `strided_windows`.

Windows move numbers and compute none, so values are compared exactly: `c` is nearly 0.
"""

from __future__ import annotations

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

EXACTLY = 1e-9  # times eps
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.int64, torch.uint8, torch.bool)
NAMES = ("x", "width", "step")


def draw(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw a normal tensor in float64, no two elements of which are equal."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


def number(gen: torch.Generator, low: int, high: int) -> int:
    """Draw an integer, both bounds included."""
    return int(torch.randint(low, high + 1, (), generator=gen))


def expected_windows(x: torch.Tensor, width: int, step: int) -> torch.Tensor:
    """Return copies of the windows, cut one by one until the next would stick out."""
    cut = []
    start = 0
    while start + width <= x.shape[-1]:
        cut.append(x[..., start : start + width])
        start += step
    return torch.stack(cut, dim=-2)


def assert_windows(student: Student, x: torch.Tensor, width: int, step: int) -> None:
    """Assert that the windows of x are right."""
    actual = student.windows(x, width, step)
    what = f"the result for a width of {width} and a step of {step}"
    assert_values_match(actual, expected_windows(x, width, step), c=EXACTLY, what=what)


def due_strides(x: torch.Tensor, step: int) -> tuple[int, ...]:
    """Return the distances in memory between neighbours of the view."""
    return (*x.stride()[:-1], step * x.stride(-1), x.stride(-1))


def layouts_of(x: torch.Tensor) -> list[torch.Tensor]:
    """Return x in layouts that begin with their memory: strides differ, the offset is 0."""
    repeated = x[..., :1].expand(x.shape)  # a last axis of stride 0
    every = [layout for name, layout in strided(x) if name != "offset"]
    return [*every, repeated, x.movedim(-1, 0).contiguous().movedim(0, -1)]


def cut_out(x: torch.Tensor) -> torch.Tensor:
    """Return x [R, C] inside a larger memory of other numbers, beginning neither row nor column."""
    frame = torch.full((x.shape[0] + 3, x.shape[1] + 5), -7.0, dtype=x.dtype)
    inside = frame[2:-1, 3:-2]
    inside.copy_(x)
    return inside


@in_worker
def write_into_x(student: Any, x: torch.Tensor, width: int, step: int) -> torch.Tensor:
    """Return what the windows hold after x was changed."""
    seen: torch.Tensor = student.windows(x, width, step)
    x.mul_(3).add_(1)
    return seen.clone()


@in_worker
def write_into_window(
    student: Any, x: torch.Tensor, width: int, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return x after a change of the middle of its second window, and the windows then."""
    seen = student.windows(x, width, step)
    seen[..., 1, width // 2].fill_(5)
    return x.clone(), seen.clone()


@in_worker
def write_in_graph(
    student: Any, root: torch.Tensor, width: int, step: int, upstream: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """Double all windows of an x that has a history.

    Return x, the gradient of what it was computed from, and whether autograd knows the view.
    """
    leaf = root.clone().requires_grad_()
    x = leaf * 1
    version = x._version  # noqa: SLF001 - its only name
    student.windows(x, width, step).mul_(2)
    (slope,) = torch.autograd.grad(x, leaf, upstream)
    without = root.clone()
    before = without._version  # noqa: SLF001 - its only name
    student.windows(without, width, step).mul_(2)
    counted = min(x._version - version, without._version - before) > 0  # noqa: SLF001 - the same
    return x.detach().clone(), slope, counted


@points(2)
def test_windows_are_slices_of_the_last_axis(student: Student, gen: torch.Generator) -> None:
    """Window i holds the elements from i * step to i * step + width - 1, for x of any rank."""
    shapes = [
        *odd_shapes(gen, 1, 2),
        *odd_shapes(gen, 2),
        *odd_shapes(gen, 3, 2),
        (2, 5, 3, 8),
        (6, 6),
    ]
    inputs = [draw(gen, *shape) for shape in shapes]
    widths = [number(gen, 1, shape[-1]) for shape in shapes]
    steps = [number(gen, 1, 3) for _ in shapes]
    for x, width, step in zip(inputs, widths, steps, strict=True):
        assert_windows(student, x, width, step)
        assert_windows(student, x, 2, 1)


@points(2)
def test_only_whole_windows_count(student: Student, gen: torch.Generator) -> None:
    """There are floor((T - width) / step) + 1 windows, whether or not elements are left over."""
    length = number(gen, 7, 9)
    x = draw(gen, 2, length)
    for width in range(1, length + 1):
        # A step of T and more leaves the first window alone.
        for step in (1, 2, 3, length - 1, length + 2):
            assert_windows(student, x, width, step)


@points(2)
def test_strides_of_x_are_respected(student: Student, gen: torch.Generator) -> None:
    """A transposed, expanded or stepped x has the same windows as a contiguous copy of it."""
    inputs = [draw(gen, *shape) for shape in (*odd_shapes(gen, 2, 1), *odd_shapes(gen, 3, 2), (9,))]
    for x in inputs:
        for layout in layouts_of(x):
            assert_windows(student, layout, 2, 1)
            assert_windows(student, layout, 1, 2)


@points(2)
def test_view_begins_where_x_begins(student: Student, gen: torch.Generator) -> None:
    """The first window begins with the first element of x, wherever in its memory that lies."""
    x, row = draw(gen, 4, 7), draw(gen, 9)
    ahead = number(gen, 1, 4)
    for layout in (cut_out(x), x[1:], x[:, ahead:], x[-1], x[1:, 0], row[ahead:], row[4::2]):
        assert_windows(student, layout, 2, 1)
        assert_windows(student, layout, 3, 2)


def assert_view(student: Student, x: torch.Tensor, problem: str) -> None:
    """Assert that the windows of x are its own memory, and right."""
    assert_windows(student, x, 3, 2)
    seen = student.windows.observed(x, 3, 2)
    where = (seen.result.stride(), seen.result.storage_offset())
    if not seen.aliases or where != (due_strides(x, 2), x.storage_offset()):
        pytest.fail(problem)


@points(1)
def test_result_is_a_view(student: Student, gen: torch.Generator) -> None:
    """The result is x's own memory under other strides: nothing is copied."""
    x, cube = draw(gen, 5, 11), draw(gen, 4, 6, 8)
    for layout in (x, x[2], x[1:], cube):
        assert_view(student, layout, "The result is a copy: it must be a view of `x`.")


@points(1)
def test_result_is_a_view_of_any_layout(student: Student, gen: torch.Generator) -> None:
    """Nothing is copied either where x is transposed, expanded or stepped."""
    x, cube = draw(gen, 5, 11), draw(gen, 4, 6, 8)
    flat = (cut_out(x), x.T, x[:, ::2], x[:, :1].expand(5, 11))
    # None of these can be flattened to fewer axes without a copy.
    for layout in (*flat, cube.mT, cube.transpose(0, 1), cube[:, ::2], cube[:, 1:, 1::2]):
        problem = "The result is a copy, or a view of one: it must be a view of `x` itself."
        assert_view(student, layout, problem)


@points(1)
def test_writing_goes_through(student: Student, gen: torch.Generator) -> None:
    """A change of x shows in every window over the place, and a change of a window in x."""
    x, upstream = draw(gen, 3, 10), draw(gen, 3, 10)
    for layout in (x, cut_out(x), x[:, 1::2]):
        base = layout.clone()
        changed = write_into_x(student, layout, 4, 1)
        due = expected_windows(3 * base + 1, 4, 1)
        assert_values_match(changed, due, what="the windows after a change of `x`")
        left, seen = write_into_window(student, layout, 3, 1)
        base[..., 2] = 5  # the middle of the second window
        assert_values_match(left, base, what="`x` after a change of a window")
        due = expected_windows(base, 3, 1)
        assert_values_match(seen, due, what="the windows after a change of one of them")
    doubled = (1 + (torch.arange(10) < 9)).double()  # three windows of three
    written, slope, counted = write_in_graph(student, x, 3, 3, upstream)
    assert_values_match(written, doubled * x, what="`x` after a change of all windows")
    what = "the gradient through an `x` whose windows were changed"
    assert_values_match(slope, doubled * upstream, what=what)
    if not counted:
        pytest.fail("The version of `x` does not count a change of a window: take a view of `x`.")


@points(2)
def test_gradients_of_overlapping_windows_add_up(student: Student, gen: torch.Generator) -> None:
    """An element of x gets the sum of the gradients of all windows that hold it."""
    x, row = draw(gen, 3, 8), draw(gen, 7)
    cases = [(x, 3, 1), (x, 2, 3), (x.T, 2, 1), (cut_out(x), 4, 2), (row, 7, 1), (row[2:], 2, 2)]
    upstreams = [draw(gen, *expected_windows(*case).shape) for case in cases]
    for (layout, width, step), upstream in zip(cases, upstreams, strict=True):
        assert_windows(student, layout, width, step)
        inputs = (layout.detach().requires_grad_(), width, step)
        assert_gradients_match(
            student.windows,
            expected_windows,
            inputs,
            upstream,
            reduction=width,
            scale=1.0,  # terms of order one may cancel
            names=NAMES,
        )
    if not student.windows(x[:0].clone().requires_grad_(), 3, 2).requires_grad:
        pytest.fail("The windows of an empty `x` are detached from it: they must be a view of it.")
    inputs = (row.detach().requires_grad_(), 3, 2)
    assert_gradcheck(student.windows, inputs, names=NAMES, reference=expected_windows)


@points(1)
def test_axes_of_length_one_and_zero(student: Student, gen: torch.Generator) -> None:
    """One element, one row and no row at all are windowed like anything else."""
    x = draw(gen, 4, 6)
    for layout in (x[:1, :1], x[0, :1], x[:1], x[:, :1], x[:0], x[None, :, None]):
        for width in {1, layout.shape[-1]}:
            assert_windows(student, layout, width, 1)
            assert_windows(student, layout, width, 4)
    assert_windows(student, x[:0, None].expand(0, 3, 6), 2, 3)


@points(1)
def test_dtype_is_kept(student: Student, gen: torch.Generator) -> None:
    """Integers, bools and numbers of half precision come back as what they are."""
    x = 50 * draw(gen, 3, 7).abs()
    for dtype in DTYPES:
        values = (x > 30) if dtype is torch.bool else x.to(dtype)
        assert_windows(student, values, 3, 2)
        assert_windows(student, values.T, 2, 1)


@points(1)
def test_bad_arguments_are_refused(student: Student, gen: torch.Generator) -> None:
    """A width above T or below 1, a step below 1 and an x without axes raise a ValueError."""
    x = draw(gen, 4, 6)
    assert_windows(student, x, 6, 1)  # a good call is not refused
    bad = [
        # With a large step the formula still gives a count of 0 or 1.
        *((x, 7, 1), (x, 7, 5), (x, 8, 2), (x[:, 2:5], 4, 3), (x.T, 5, 2), (x[:, :0], 1, 1)),
        *((x, 0, 1), (x, -1, 1), (x, 2, 0), (x, 2, -1), (x, 6, 0), (x[0, 0], 1, 1)),
    ]
    for layout, width, step in bad:
        try:
            student.windows.unchecked(layout, width, step)
        except ValueError:
            continue
        what = f"shape {tuple(layout.shape)}, a width of {width} and a step of {step}"
        pytest.fail(f"No `ValueError` was raised for an `x` of {what}.")


@points(2)
def test_unfold_is_not_used(student: Student, gen: torch.Generator) -> None:
    """The strides are worked out by hand: `unfold` is not called."""
    x = draw(gen, 4, 9)
    with watch(student) as seen:
        assert_windows(student, x, 3, 2)
        assert_windows(student, x[0], 9, 1)
    assert_allowed(seen)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_x_is_left_as_it_is(student: Student, gen: torch.Generator) -> None:
    """The call changes neither x, its shape and strides, nor global state."""
    x = draw(gen, 4, 9)
    for layout in (x, x.T, cut_out(x), x[0, ::2]):
        assert_pure(student.windows, layout, 3, 2, may_alias=True)
        assert_windows(student, layout, 3, 2)
