"""The hidden suite of `pairwise_sq_dists`."""

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

NAMES = ("a", "b")


def draw(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw a normal tensor in float64."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


def draw_pairs(gen: torch.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Draw pairs of [N, D] and [M, D]; N, M and D differ, except in the last two pairs."""
    shapes = [*odd_shapes(gen, 3), (4, 4, 5), (4, 4, 4)]
    return [(draw(gen, n, width), draw(gen, m, width)) for n, m, width in shapes]


def expected_dists(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return [N, M] in float64, column by column of the points."""
    a, b = a.double(), b.double()
    total = torch.zeros(len(a), len(b), dtype=torch.float64)
    for left, right in zip(a.unbind(1), b.unbind(1), strict=True):
        gap = left.repeat(len(b), 1).T - right.repeat(len(a), 1)
        total = total + gap * gap
    return total


def assert_dists(student: Student, a: torch.Tensor, b: torch.Tensor) -> None:
    """Assert that the result is right in the dtype of a, near zero too: nothing may cancel."""
    due = expected_dists(a, b)
    actual = student.pairwise_sq_dists(a, b)
    assert_values_match(actual, due, reduction=max(a.shape[1], 1), scale=0.0, dtype=a.dtype)


@in_worker
def gradient_at_itself(student: Any, a: torch.Tensor, upstream: torch.Tensor) -> torch.Tensor:
    """Return the gradient of a where both arguments are this one tensor."""
    leaf = a.clone().requires_grad_()
    (found,) = torch.autograd.grad(student.pairwise_sq_dists(leaf, leaf), leaf, upstream)
    return found


@points(2)
def test_values_are_sums_of_squares(student: Student, gen: torch.Generator) -> None:
    """Element [i, j] is the squared distance of row i of a to row j of b, as many as there are."""
    for a, b in draw_pairs(gen):
        for dtype in (torch.float64, torch.float32):
            assert_dists(student, a.to(dtype), b.to(dtype))
            # Small numbers are numbers, not noise.
            assert_dists(student, (1e-5 * a).to(dtype), (1e-5 * b).to(dtype))


@points(1)
def test_rows_belong_to_a(student: Student, gen: torch.Generator) -> None:
    """The rows of the result belong to the points of a and its columns to those of b."""
    points_of_b = draw(gen, 6, 3)
    order = torch.randperm(6, generator=gen)
    shifts = 0.25 + torch.arange(6, dtype=torch.float64)
    # Point i of a is a known way from one point of b.
    a = points_of_b[order] + torch.nn.functional.one_hot(order % 3, 3) * shifts[:, None]
    actual = student.pairwise_sq_dists(a, points_of_b)
    assert_values_match(actual[torch.arange(6), order], shifts.square(), c=64)
    assert_dists(student, a[:2], points_of_b)


@points(3)
def test_neighbours_far_from_the_origin(student: Student, gen: torch.Generator) -> None:
    """Small distances between points far out keep their digits, and none is negative."""
    near, others = draw(gen, 7, 5), draw(gen, 6, 5)
    for dtype, far in ((torch.float32, 1e4), (torch.float64, 1e7)):
        a, b = (far + near).to(dtype), (far + others).to(dtype)
        assert_dists(student, a, b)
        assert_dists(student, a, -b)
        # Two clouds on both sides of the origin: no shift brings them near it.
        assert_dists(student, torch.cat([a, -a]), torch.cat([-b, b]))
    # Many points are not a reason for another formula.
    many, others = (1e4 + draw(gen, count, 7) for count in (211, 197))
    assert_dists(student, many.float(), others.float())


@points(2)
def test_gradients_reach_both(student: Student, gen: torch.Generator) -> None:
    """Each point gets the gradients of all its distances, under any upstream gradient."""
    pairs = draw_pairs(gen)
    upstreams = [draw(gen, len(a), len(b)) for a, b in pairs]
    few = (draw(gen, 2, 3).requires_grad_(), draw(gen, 4, 3).requires_grad_())
    for (a, b), upstream in zip(pairs, upstreams, strict=True):
        for inputs in ((a.requires_grad_(), b), (a.detach(), b.requires_grad_()), (a, b)):
            terms = len(a) + len(b)
            assert_gradients_match(
                student.pairwise_sq_dists,
                expected_dists,
                inputs,
                upstream,
                reduction=terms,
                scale=1.0,
                names=NAMES,
            )
    assert_gradcheck(student.pairwise_sq_dists, few, names=NAMES, reference=expected_dists)
    for (a, _), arriving in zip(pairs, [draw(gen, len(a), len(a)) for a, _ in pairs], strict=True):
        found = gradient_at_itself(student, a.detach(), arriving)
        pulls = arriving + arriving.T  # a point is on the left of each other one, and on its right
        due = 2 * (pulls.sum(1, keepdim=True) * a.detach() - pulls @ a.detach())
        what = "the gradient for `b` being `a` itself"
        assert_values_match(found, due, reduction=2 * len(a), scale=16.0, what=what)


@points(2)
def test_equal_points(student: Student, gen: torch.Generator) -> None:
    """A point is exactly 0 away from itself, with a gradient that is finite."""
    base, arriving = draw(gen, 5, 3), draw(gen, 5, 5)
    for dtype, scale in ((torch.float64, 1.0), (torch.float32, 1e3)):
        a, upstream = (scale * base).to(dtype), arriving.to(dtype)
        assert_dists(student, a, a)
        itself = student.pairwise_sq_dists(a, a.clone()).diagonal()
        if bool(itself.any()):
            pytest.fail("The distance of a point to itself is not exactly 0.")
        inputs = (a.requires_grad_(), a.detach().clone().requires_grad_())
        assert_gradients_match(
            student.pairwise_sq_dists,
            expected_dists,
            inputs,
            upstream,
            reduction=5,
            scale=scale,
            names=NAMES,
        )


@points(1)
def test_axes_of_length_one_and_zero(student: Student, gen: torch.Generator) -> None:
    """One point, one coordinate, no points and no coordinates are like any others."""
    a, b = draw(gen, 4, 3), draw(gen, 5, 3)
    for rows_a, rows_b, width in ((1, 5, 3), (4, 1, 3), (4, 5, 1), (1, 1, 1), (2, 3, 0)):
        assert_dists(student, a[:rows_a, :width], b[:rows_b, :width])
    for rows_a, rows_b, width in ((0, 5, 3), (4, 0, 3), (0, 0, 3), (0, 2, 0)):
        assert_dists(student, a[:rows_a, :width], b[:rows_b, :width])


@points(1)
def test_dtype_is_kept(student: Student, gen: torch.Generator) -> None:
    """The result has the dtype of the inputs, and is infinite only where its dtype ends."""
    a, b = draw(gen, 6, 4), draw(gen, 5, 4)
    for dtype, size in ((torch.float16, 40.0), (torch.bfloat16, 1e4), (torch.float32, 1e4)):
        assert_dists(student, a.to(dtype), b.to(dtype))
        assert_dists(student, (size * a).to(dtype), (size * b).to(dtype))
    low, high = torch.full((2, 1), -150.0).half(), torch.full((3, 1), 150.0).half()
    assert_dists(student, low, high)  # 300 apart
    assert_dists(student, low.float(), high.float())


@points(1)
def test_bad_shapes_are_refused(student: Student, gen: torch.Generator) -> None:
    """Tensors without two axes, or with unequal numbers of columns, raise a ValueError."""
    a, b = draw(gen, 4, 3), draw(gen, 5, 3)
    assert_dists(student, a, b)  # good shapes are not refused
    bad = [
        *((a, b[:, :2]), (a[:, :1], b), (a, b[:, :1]), (a, b[:, :0])),
        *((a[0], b), (a, b[0]), (a[None], b), (a, b[None]), (a[0, 0], b), (a[0], b[0])),
        *((a[None], b[None]), (a.expand(2, 4, 3), b.expand(2, 5, 3))),
    ]
    for left, right in bad:
        try:
            student.pairwise_sq_dists.unchecked(left, right)
        except ValueError:
            continue
        shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
        pytest.fail(f"No `ValueError` was raised for tensors of shapes {shapes}.")


@points(2)
def test_no_loop_and_no_ready_made_distance(student: Student, gen: torch.Generator) -> None:
    """Broadcasting does it: as many operations for many points as for few, and no `torch.cdist`."""
    few, many, heap = draw(gen, 2, 3), draw(gen, 29, 23), draw(gen, 5000, 3)
    counts = []
    for a, b in ((few, few[1:]), (many, many[1:]), (heap, few), (few, heap)):
        with watch(student) as seen:
            assert_dists(student, a, b)
        assert_allowed(seen)
        counts.append(sum(seen.operations.values()))
    # A loop over any axis adds 20 operations and more, one over blocks of 256 points too.
    if max(counts) > counts[0] + 8:
        pytest.fail(
            f"{counts[0]} operations run for few points, but {max(counts)} for many: "
            "broadcast them."
        )


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(student: Student, gen: torch.Generator) -> None:
    """Transposed, sliced and expanded tensors are read as they are, and none is changed."""
    a, b = draw(gen, 4, 3), draw(gen, 5, 3)
    for dtype in (torch.float64, torch.float32):
        for (_, left), (_, right) in zip(strided(a.to(dtype)), strided(b.to(dtype)), strict=True):
            assert_pure(student.pairwise_sq_dists, left, right)
            assert_dists(student, left, right)
