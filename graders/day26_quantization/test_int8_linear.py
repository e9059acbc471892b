"""The hidden suite of `int8_linear`.

A case is the seven arguments of the layer in their order. Expected values multiply the four terms
of the sum out, in 64-bit integers.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_largest_at_most,
    assert_pure,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    strided,
    watch,
)

Case: TypeAlias = list[torch.Tensor]

X_Q, X_SCALE, X_ZERO, W_Q, W_SCALE, W_ZERO, BIAS = range(7)
NAMES = ("x_q", "x_scale", "x_zero", "w_q", "w_scale", "w_zero", "bias")


def uniform(gen: torch.Generator, shape: tuple[int, ...], low: float, high: float) -> torch.Tensor:
    """Draw numbers between `low` and `high` in float32."""
    return low + (high - low) * torch.rand(shape, generator=gen)


def integers(
    gen: torch.Generator, shape: tuple[int, ...], dtype: torch.dtype, low: int = -128
) -> torch.Tensor:
    """Draw integers between `low` and 127."""
    return torch.randint(low, 128, shape, generator=gen, dtype=dtype)


def draw_case(gen: torch.Generator, sizes: tuple[int, ...], device: torch.device) -> Case:
    """Draw a layer with sizes B, K and O, whose bias is as large as its products."""
    rows, length, outputs = sizes
    case = [
        integers(gen, (rows, length), torch.int8),
        uniform(gen, (), 0.01, 0.1),
        integers(gen, (), torch.int32),
        integers(gen, (outputs, length), torch.int8),
        uniform(gen, (outputs,), 0.002, 0.03),
        integers(gen, (outputs,), torch.int32),
        uniform(gen, (outputs,), 5.0, 50.0) * (torch.arange(outputs) % 2 * 2 - 1),
    ]
    return [tensor.to(device) for tensor in case]


def expected_sum(case: Case) -> torch.Tensor:
    """Return the exact sums, [B, O] in int64: the product of the codes and three corrections."""
    x, w = case[X_Q].cpu().long(), case[W_Q].cpu().long()
    x_zero, w_zero = case[X_ZERO].cpu().long(), case[W_ZERO].cpu().long()
    products = torch.einsum("bk,ok->bo", x, w)
    corrections = x.sum(1)[:, None] * w_zero + w.sum(1) * x_zero
    return products - corrections + x.shape[1] * x_zero * w_zero


def assert_layer(student: Student, case: Case) -> None:
    """Assert that the layer's result is right."""
    assert_right(student.int8_linear(*case), case)


def assert_right(y: torch.Tensor, case: Case) -> None:
    """Assert that a result is the one that is due for a case."""
    wide = [part.double().cpu() for part in case]
    rescaled = expected_sum(case) * wide[X_SCALE] * wide[W_SCALE]
    due = (rescaled + wide[BIAS]).to(case[X_Q].device)
    terms = (rescaled.abs() + wide[BIAS].abs()).flatten()
    # Product and bias may cancel.
    scale = float(terms.median()) if terms.numel() else 1.0
    assert_values_match(y, due, dtype=torch.float32, scale=scale, what="y")


def assert_exact(student: Student, case: Case) -> None:
    """Assert that sums whose products cancel are right to the last digits of float32."""
    case[BIAS] = torch.zeros_like(case[BIAS])
    y = student.int8_linear(*case)
    steps = case[X_SCALE].double().cpu() * case[W_SCALE].double().cpu()
    due = (expected_sum(case) * steps).to(case[X_Q].device)
    assert_values_match(y, due, dtype=torch.float32, scale=0.0, what="y")


@in_worker
def call_again(
    student: Any, case: list[torch.Tensor], w_zero: torch.Tensor, w_q: torch.Tensor
) -> list[torch.Tensor]:
    """Call three times with one tensor of weights: at first, with other zeros, overwritten."""
    first = student.int8_linear(*case)
    second = student.int8_linear(*case[:5], w_zero, case[6])
    case[3].copy_(w_q)
    return [first, second, student.int8_linear(*case)]


def assert_refused(student: Student, case: Case, what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        student.int8_linear(*case)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@points(2)
def test_layer_matches_real_arithmetic(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result is that of the real numbers that the codes stand for, at any shape."""
    sizes = [*odd_shapes(gen, 3), (4, 9, 4), (5, 5, 5), (6, 6, 3), (4, 9, 4)]
    cases = [draw_case(gen, size, device) for size in sizes]
    # Old numbers after new ones in the same shape: no call may remember another.
    for case in [*cases, cases[3]]:
        assert_layer(student, case)


@points(1)
def test_symmetric_codes_multiply_directly(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With both zero-points 0 the sum holds products of codes alone, none of which overflows."""
    cases = [draw_case(gen, size, device) for size in odd_shapes(gen, 3)]
    for case in cases:
        case[X_ZERO], case[W_ZERO] = (torch.zeros_like(case[k]) for k in (X_ZERO, W_ZERO))
        assert_layer(student, case)


@points(2)
def test_zero_point_of_x_is_taken_off(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With symmetric weights, only the zero-point of x is subtracted, as far as -128 and 127."""
    cases = [draw_case(gen, size, device) for size in odd_shapes(gen, 3)]
    for case, zero in zip(cases, (-128, 127, 5), strict=True):
        case[W_ZERO] = torch.zeros_like(case[W_ZERO])
        case[X_ZERO] = torch.full_like(case[X_ZERO], zero)
        assert_layer(student, case)


@points(2)
def test_zero_points_of_w_are_taken_off(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With a symmetric input, each output's own zero-point is subtracted from its weights."""
    cases = [draw_case(gen, size, device) for size in [*odd_shapes(gen, 3), (4, 5, 5)]]
    for case in cases:
        case[X_ZERO] = torch.zeros_like(case[X_ZERO])
        case[W_ZERO][:2] = torch.tensor([-128, 127])
        assert_layer(student, case)


@points(2)
def test_codes_of_zero_leave_the_bias(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Where x or w is 0.0 throughout, exactly the bias is left, not scaled by anything."""
    cases = [draw_case(gen, size, device) for size in odd_shapes(gen, 3, 4)]
    for place, case in enumerate(cases):
        rows = len(case[X_Q])
        if place % 2:
            case[X_Q] = case[X_ZERO].to(torch.int8).expand(case[X_Q].shape).clone()
        else:
            case[W_Q] = case[W_ZERO].to(torch.int8)[:, None].expand(case[W_Q].shape).clone()
        y = student.int8_linear(*case)
        assert_values_match(y, case[BIAS].expand(rows, -1), what="y")


@points(2)
def test_each_output_has_its_own_scale(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The scale of x and that of each output multiply its sums, however far the scales differ."""
    cases = [draw_case(gen, size, device) for size in [*odd_shapes(gen, 3), (5, 4, 5)]]
    for case in cases:
        case[BIAS] = torch.zeros_like(case[BIAS])
        case[W_SCALE] = case[W_SCALE] * 10.0 ** (torch.arange(len(case[BIAS]), device=device) - 3)
        y = student.int8_linear(*case)
        steps = case[X_SCALE].double() * case[W_SCALE].double()
        due = expected_sum(case).to(device) * steps
        for output in range(len(steps)):
            assert_values_match(
                y[:, output], due[:, output], dtype=torch.float32, what="a column of y"
            )


@points(3)
def test_long_sums_are_exact(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """Sums that pass 2^24 on the way and come back are exact, as in an int32 accumulator."""
    half = 4096
    case = draw_case(gen, (3, 2 * half, 5), device)
    # Large positive products in the first half, the same ones with a minus in another order after.
    x, w = (integers(gen, (n, half), torch.int8, low=110) for n in (3, 5))
    order = torch.randperm(half, generator=gen)
    case[X_Q] = torch.cat([x, x[:, order]], dim=1).to(device)
    case[W_Q] = torch.cat([w, -w[:, order]], dim=1).to(device)
    case[W_Q][:, :2] -= torch.tensor([1, 2], dtype=torch.int8, device=device)  # what is left
    case[X_ZERO], case[X_SCALE] = (
        torch.full_like(case[k], v) for k, v in ((X_ZERO, -128), (X_SCALE, 1))
    )
    case[W_ZERO] = torch.zeros_like(case[W_ZERO])
    case[BIAS] = torch.zeros_like(case[BIAS])
    case[W_SCALE] = torch.ones_like(case[W_SCALE])
    y = student.int8_linear(*case)
    assert_values_match(y, expected_sum(case).to(device, torch.float32), what="y")


@points(2)
def test_symmetric_sums_are_exact(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With all zero-points 0, sums that pass 2^24 and come back are exact, and only then scaled."""
    half = 12_000  # each of the lanes of a kernel passes 2^24 on its own
    case = draw_case(gen, (3, 2 * half, 5), device)
    x, w = (integers(gen, (n, half), torch.int8, low=110) for n in (3, 5))
    order = torch.randperm(half, generator=gen)
    case[X_Q] = torch.cat([x, x[:, order]], dim=1).to(device)
    case[W_Q] = torch.cat([w, -w[:, order]], dim=1).to(device)
    case[W_Q][:, :2] -= torch.tensor([1, 2], dtype=torch.int8, device=device)  # what is left
    case[X_ZERO], case[W_ZERO] = (torch.zeros_like(case[k]) for k in (X_ZERO, W_ZERO))
    assert_exact(student, case)
    # 3m * n and m * 3n are equal, but not once 3m and m have been scaled and rounded.
    m, n = (torch.randint(37, 43, (rows, half), generator=gen, dtype=torch.int8) for rows in (3, 5))
    case[X_Q] = torch.cat([3 * m, m[:, order]], dim=1).to(device)
    case[W_Q] = torch.cat([n, -3 * n[:, order]], dim=1).to(device)
    case[W_Q][:, :2] -= torch.tensor([1, 2], dtype=torch.int8, device=device)
    assert_exact(student, case)


@points(2)
def test_sums_of_blocks_are_exact(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Not even 300 products of a long sum may be added in float32, which ends at 2^24."""
    for block in (300, 520):
        case = draw_case(gen, (3, 8 * block, 5), device)
        # With the zero-points -96 and -128 an eighth of the products are about 222 * 253, the
        # others -32 * 253: only the whole sum is small.
        x = integers(gen, (3, 8 * block), torch.int8, low=126)
        x[:, block:] = torch.randint(-128, -126, (3, 7 * block), generator=gen, dtype=torch.int8)
        case[X_Q] = x.to(device)
        case[W_Q] = integers(gen, (5, 8 * block), torch.int8, low=124).to(device)
        case[X_ZERO] = torch.full_like(case[X_ZERO], -96)
        case[W_ZERO] = torch.full_like(case[W_ZERO], -128)
        assert_exact(student, case)


@points(1)
def test_calls_remember_nothing(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The same tensor of weights with other zero-points, or overwritten, is read anew."""
    case, other = (draw_case(gen, (3, 5, 4), device) for _ in range(2))
    found = call_again(student, [part.clone() for part in case], other[W_ZERO], other[W_Q])
    changed = list(case), list(case), list(case)
    changed[1][W_ZERO] = other[W_ZERO]
    changed[2][W_Q] = other[W_Q]
    for y, each in zip(found, changed, strict=True):
        assert_right(y, each)


@points(1)
def test_largest_sum_fits(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """At K = 32,768 with every product 255 * 255 nothing overflows, and int16 would not do."""
    case = draw_case(gen, (1, 32_768, 2), device)
    for codes, zero in ((X_Q, X_ZERO), (W_Q, W_ZERO)):
        case[codes] = torch.full_like(case[codes], 127)
        case[zero] = torch.full_like(case[zero], -128)
    case[W_Q][1] = -128
    case[W_ZERO][1] = 127
    assert_layer(student, case)


@points(1)
def test_sizes_of_one_and_none(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """One row, one output or one product is enough; without products the bias is left."""
    sizes = [(1, 1, 1), (1, 7, 3), (5, 1, 3), (5, 7, 1), (3, 0, 4), (0, 5, 4), (3, 5, 0)]
    cases = [draw_case(gen, size, device) for size in sizes]
    for case in cases:
        assert_layer(student, case)


@points(2)
def test_products_are_not_kept(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """No tensor holds all B * O * K products at once."""
    case = draw_case(gen, (23, 29, 31), device)
    with watch(student) as seen:
        assert_layer(student, case)
    assert_largest_at_most(seen, 2 * 29 * 31)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Columns, slices and expanded rows are read as they are, and no input is changed."""
    case = draw_case(gen, (5, 4, 3), device)
    assert_pure(student.int8_linear, *case)
    for place in (X_Q, W_Q, W_SCALE, W_ZERO, BIAS):
        for _, layout in strided(case[place]):
            assert_layer(student, [*case[:place], layout, *case[place + 1 :]])


@points(1)
def test_shapes_that_do_not_fit_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Matrices of other K, other shapes and numbers that would be broadcast raise a ValueError."""
    case = draw_case(gen, (4, 6, 3), device)
    assert_layer(student, case)  # a good call is not refused
    odd: list[tuple[int, torch.Tensor]] = [
        (X_Q, case[X_Q][:, :1]),
        (X_Q, case[X_Q][:, :5]),
        (X_Q, case[X_Q][0]),
        (X_Q, case[X_Q][None]),
        (W_Q, case[W_Q][:, :1]),
        (W_Q, case[W_Q][0]),
        (W_Q, case[W_Q][:2]),
        (X_SCALE, case[X_SCALE].expand(1)),
        (X_SCALE, case[X_SCALE].expand(3)),
        (X_ZERO, case[X_ZERO].expand(1)),
        (X_ZERO, case[X_ZERO].expand(6)),
    ]
    for place in (W_SCALE, W_ZERO, BIAS):
        odd += [(place, case[place][:1]), (place, case[place][0]), (place, case[place][:, None])]
    for place, tensor in odd:
        what = f"`{NAMES[place]}` of shape {tuple(tensor.shape)} at B = 4, K = 6, O = 3"
        assert_refused(student, [*case[:place], tensor, *case[place + 1 :]], what)
