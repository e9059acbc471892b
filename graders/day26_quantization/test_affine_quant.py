"""The hidden suite of `affine_quant`.

Codes are compared with real numbers: a code is right if it is one of the integers nearest to
`x / scale` plus the zero-point. So an input that lies on a tie, up to rounding, may go either way;
ties themselves are tested with scales that are powers of two.
"""

from __future__ import annotations

from typing import TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_pure,
    assert_values_match,
    fresh,
    odd_shapes,
    points,
    strided,
    watch,
)

Quantized: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # q, scale, zero_point

SCHEMES = (False, True)  # asymmetric, symmetric
NONE = None


def draw(
    gen: torch.Generator,
    shape: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
    shift: float = 0.0,
) -> torch.Tensor:
    """Draw normal numbers around `shift`, whose slices along every axis differ in size."""
    x = torch.randn(shape, generator=gen, dtype=torch.float64) + shift
    for axis, length in enumerate(shape):
        sizes = 0.4 + 2.5 * torch.rand(length, generator=gen, dtype=torch.float64)
        x = x * sizes.reshape([-1 if place == axis else 1 for place in range(len(shape))])
    return x.to(device, dtype)


def limits(bits: int, *, symmetric: bool) -> tuple[int, int]:
    """Return the least and the greatest code."""
    half: int = 1 << (bits - 1)
    return (1 - half if symmetric else -half), half - 1


def channels(x: torch.Tensor, axis: int | None) -> list[torch.Tensor]:
    """Return the slices, in float64, that have a scale each."""
    wide = x.detach().double()
    return [wide] if axis is None else list(wide.unbind(axis))


def assembled(parts: list[torch.Tensor], axis: int | None) -> torch.Tensor:
    """Return one tensor of what `channels` took apart."""
    return parts[0] if axis is None else torch.stack(parts, dim=axis)


def ends(channel: torch.Tensor) -> tuple[float, float]:
    """Return the ends of a channel's range, which holds 0."""
    numbers: list[float] = [0.0, *channel.flatten().tolist()]
    return min(numbers), max(numbers)


def expected_scale(channel: torch.Tensor, bits: int, *, symmetric: bool) -> float:
    """Return the size of a step."""
    least, greatest = limits(bits, symmetric=symmetric)
    low, high = ends(channel)
    step = max(high, -low) / greatest if symmetric else (high - low) / (greatest - least)
    return step or 1.0


def expected_zero_point(channel: torch.Tensor, bits: int, *, symmetric: bool) -> float:
    """Return the code of 0.0 before it is rounded."""
    if symmetric:
        return 0.0
    step = expected_scale(channel, bits, symmetric=symmetric)
    return limits(bits, symmetric=symmetric)[0] - ends(channel)[0] / step


def nearest(actual: torch.Tensor, exact: torch.Tensor, slack: float) -> torch.Tensor:
    """Return the integers nearest to `exact`; `actual` decides where two are as near."""
    as_near = (actual.double() - exact).abs() <= 0.5 + slack
    return torch.where(as_near, actual.double(), exact.round()).to(actual.dtype)


def slack_of(x: torch.Tensor, bits: int) -> float:
    """Return by how many steps rounding may move `x / scale`."""
    eps = torch.finfo(x.dtype if x.dtype == torch.float64 else torch.float32).eps
    return 16 * eps * float(1 << bits)


def assert_scale(
    found: Quantized, x: torch.Tensor, bits: int, *, symmetric: bool, axis: int | None
) -> None:
    """Assert that every channel's step is the right one, in float32 or float64."""
    steps = [expected_scale(part, bits, symmetric=symmetric) for part in channels(x, axis)]
    due = torch.tensor(steps[0] if axis is None else steps, dtype=torch.float64, device=x.device)
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    assert_values_match(found[1], due, what="`scale`", dtype=dtype)


def assert_zero_point(
    found: Quantized, x: torch.Tensor, bits: int, *, symmetric: bool, axis: int | None
) -> None:
    """Assert that every channel's zero-point is the right one, and is among its codes."""
    exact = [expected_zero_point(part, bits, symmetric=symmetric) for part in channels(x, axis)]
    due = torch.tensor(exact[0] if axis is None else exact, dtype=torch.float64, device=x.device)
    least, greatest = limits(bits, symmetric=symmetric)
    slack = 0.0 if symmetric else slack_of(x, bits)
    due = nearest(found[2], due, slack).clamp(least, greatest)
    assert_values_match(found[2], due, what="`zero_point`")


def assert_codes(
    found: Quantized, x: torch.Tensor, bits: int, *, symmetric: bool, axis: int | None
) -> None:
    """Assert that every code is the nearest one, given the zero-points."""
    q, _, zero_point = found
    parts = [
        part / expected_scale(part, bits, symmetric=symmetric) + zero
        for part, zero in zip(channels(x, axis), zero_point.flatten().tolist(), strict=True)
    ]
    least, greatest = limits(bits, symmetric=symmetric)
    exact = assembled(parts, axis).clamp(least, greatest)
    due = nearest(q, exact, slack_of(x, bits)).clamp(least, greatest)
    assert_values_match(q, due, what="`q`")


def assert_quantized(
    student: Student, x: torch.Tensor, bits: int, *, symmetric: bool, axis: int | None
) -> Quantized:
    """Assert that a tensor is quantized as it should be, and return how."""
    found: Quantized = student.quant(x, bits, symmetric=symmetric, axis=axis)
    assert_scale(found, x, bits, symmetric=symmetric, axis=axis)
    assert_zero_point(found, x, bits, symmetric=symmetric, axis=axis)
    assert_codes(found, x, bits, symmetric=symmetric, axis=axis)
    return found


def draw_codes(gen: torch.Generator, shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Draw codes of every size, the extremes among them."""
    q = torch.randint(-128, 128, shape, generator=gen, dtype=torch.int8)
    q.view(-1)[:2] = torch.tensor([-128, 127], dtype=torch.int8)
    return q.to(device)


def assert_numbers(
    student: Student,
    q: torch.Tensor,
    scale: torch.Tensor,
    zero_point: torch.Tensor,
    axis: int | None,
) -> None:
    """Assert that codes stand for the numbers that they should."""
    actual = student.dequant(q, scale, zero_point, axis=axis)
    pairs = zip(scale.flatten().tolist(), zero_point.flatten().tolist(), strict=True)
    parts = [
        (part - zero) * step for part, (step, zero) in zip(channels(q, axis), pairs, strict=True)
    ]
    due = assembled(parts, axis) if q.numel() else q.double()
    assert_values_match(actual, due, what="the numbers", dtype=scale.dtype)


def assert_refused(
    student: Student, x: torch.Tensor, bits: int, axis: int | None, kind: type[Exception], what: str
) -> None:
    """Assert that both schemes raise for an argument."""
    for symmetric in SCHEMES:
        try:
            student.quant(x, bits, symmetric=symmetric, axis=axis)
        except kind:
            continue
        pytest.fail(f"No `{kind.__name__}` was raised for {what}.")


@points(2)
def test_range_gives_scale_and_zero_point(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Asymmetric: the scale divides the range from low to high, the zero-point is where 0 lies."""
    shapes = [*odd_shapes(gen, 2), *odd_shapes(gen, 3, 1), (3, 5), (3, 5)]
    inputs = [draw(gen, shape, device, shift=0.4) for shape in shapes]
    for x, bits in zip(inputs, (8, 7, 4, 3, 8, 2), strict=True):
        found = student.quant(x, bits, symmetric=False, axis=None)
        assert_scale(found, x, bits, symmetric=False, axis=None)
        assert_zero_point(found, x, bits, symmetric=False, axis=None)


@points(2)
def test_codes_are_the_nearest(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A number's code is its nearest step, rounded rather than cut off, for every width."""
    inputs = [draw(gen, shape, device) for shape in odd_shapes(gen, 2, 7)]
    for bits, x in enumerate(inputs, 2):
        for symmetric in SCHEMES:
            found = student.quant(x, bits, symmetric=symmetric, axis=None)
            assert_codes(found, x, bits, symmetric=symmetric, axis=None)


@points(2)
def test_symmetric_codes_leave_out_the_least(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Symmetric: the zero-point is 0, and the largest magnitude has the code qmax or -qmax."""
    inputs = [draw(gen, shape, device) for shape in odd_shapes(gen, 2, 7)]
    for bits, x in enumerate(inputs, 2):
        for sign in (1, -1):
            # The largest magnitude has one sign, and the other side comes near to it.
            x[0, :2] = sign * x.abs().max() * torch.tensor([1.5, -1.49], dtype=x.dtype)
            assert_quantized(student, x, bits, symmetric=True, axis=None)


@points(2)
def test_zero_has_a_code(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """A range that lies on one side of 0 is drawn out to 0, so that 0.0 has a code of its own."""
    shapes = odd_shapes(gen, 2, 2)
    inputs = [draw(gen, shape, device).abs() + 3 for shape in shapes]
    for x in inputs:
        for one_sided in (x, -x):
            for axis in (None, 1):
                found = assert_quantized(student, one_sided, 8, symmetric=False, axis=axis)
                back = student.dequant(
                    found[2].to(torch.int8), *found[1:], axis=0 if axis else NONE
                )
                assert_values_match(
                    back, torch.zeros_like(found[1]), what="the number at zero's code"
                )


@points(2)
def test_each_channel_has_its_own_scale(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Each slice along `axis`, counted from either end, has the scale and zero-point of its own."""
    shapes = [
        *odd_shapes(gen, 2, 1),
        *odd_shapes(gen, 3, 1),
        *odd_shapes(gen, 4, 1),
        (5, 5),
        (3, 3, 3),
    ]
    inputs = [draw(gen, shape, device, shift=0.3) for shape in shapes]
    for x in inputs:
        for axis in range(-x.dim(), x.dim()):
            assert_quantized(student, x, 8, symmetric=False, axis=axis)
        assert_quantized(student, x, 6, symmetric=True, axis=1)


@points(1)
def test_sizes_of_one(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """Single numbers, single channels and channels of a single number are quantized as well."""
    cases: list[tuple[tuple[int, ...], int | None]] = [
        ((), None),
        ((1,), None),
        ((1,), 0),
        ((6,), 0),
        ((6,), -1),
        ((1, 4), 0),
        ((4, 1), 0),
        ((1, 1, 1), 1),
    ]
    inputs = [draw(gen, shape, device) for shape, _ in cases]
    for x, (_, axis) in zip(inputs, cases, strict=True):
        for symmetric in SCHEMES:
            q, scale, zero_point = assert_quantized(student, x, 8, symmetric=symmetric, axis=axis)
            assert_numbers(student, q, scale, zero_point, axis)


@points(2)
def test_error_is_half_a_step_at_most(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """There and back, no number moves by more than half of its channel's step."""
    inputs = [draw(gen, shape, device, shift=0.5) for shape in odd_shapes(gen, 3)]
    for x, bits in zip(inputs, (8, 5, 3), strict=True):
        for symmetric in SCHEMES:
            for axis in (None, 1):
                found = student.quant(x, bits, symmetric=symmetric, axis=axis)
                back = student.dequant(*found, axis=axis)
                half = [
                    torch.full_like(part, 0.5 * expected_scale(part, bits, symmetric=symmetric))
                    for part in channels(x, axis)
                ]
                far = ~((back - x).abs() <= assembled(half, axis) * (1 + 1e-9))
                if bool(far.any()):
                    pytest.fail(
                        f"{int(far.sum())} of {far.numel()} numbers come back further than half a "
                        f"step from where they were, with {bits} bits."
                    )


@points(1)
def test_ties_go_to_the_even_code(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Halfway numbers go to the even integer before the zero-point is added, and none overflows."""
    # A step of a power of two: x / scale is exact.
    power = int(torch.randint(-3, 4, (), generator=gen))
    step = 2.0**power
    halves = torch.arange(-6, 7, dtype=torch.float64, device=device) / 2
    least, greatest = limits(8, symmetric=False)
    for dtype in (torch.float64, torch.float32):
        # From -3 to 3 in steps of one.
        q, _, _ = student.quant((halves * step).to(dtype), 3, symmetric=True, axis=None)
        assert_values_match(q, halves.round().to(torch.int8), what="`q`")
        # The zero-point is odd: 3 steps below 0, or 1, and 255 in all.
        for low in (-3, -1):
            x = torch.cat([halves[halves >= low], halves.new_tensor([255.0 + low])]) * step
            found = student.quant(x.to(dtype), 8, symmetric=False, axis=None)
            assert_zero_point(found, x, 8, symmetric=False, axis=None)
            due = (x / step).round() + least - low
            assert_values_match(found[0], due.to(torch.int8), what="`q`")
        # 0 itself lies between two codes: its own one is even as well, before qmin is added.
        for tie in (-2.5, -0.5):
            x = halves.new_tensor([tie, 0.0, 255.0 + tie]) * step
            _, _, zero_point = student.quant(x.to(dtype), 8, symmetric=False, axis=None)
            due = least - halves.new_tensor(tie).round()
            assert_values_match(zero_point, due.to(torch.int32), what="`zero_point`")
        # Both ends are ties and round outwards, to one step too many.
        x = halves.new_tensor([-1.5, 0.0, 40.0, 253.5]) * step
        found = student.quant(x.to(dtype), 8, symmetric=False, axis=None)
        due = (torch.tensor([-2, 0, 40, 254], device=device) + least + 2).clamp(least, greatest)
        assert_values_match(found[0], due.to(torch.int8), what="`q`")


@points(1)
def test_channel_of_zeros(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """A channel of zeros has scale 1 and comes back as zeros, and its neighbours are as ever."""
    x = draw(gen, (4, 6), device)
    x[1] = 0
    for symmetric in SCHEMES:
        for bits in (8, 3):
            for axis, given in ((0, x), (None, x[1])):
                found = assert_quantized(student, given, bits, symmetric=symmetric, axis=axis)
                back = student.dequant(*found, axis=axis)
                zeros = back if axis is None else back[1]
                if bool((zeros != 0).any()):
                    pytest.fail("A channel of zeros does not come back as zeros.")


@points(2)
def test_numbers_of_codes(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """`dequant` subtracts the zero-point without overflow and multiplies by the channel's scale."""
    shapes = [*odd_shapes(gen, 2, 2), *odd_shapes(gen, 3, 1), (4, 4)]
    codes = [draw_codes(gen, shape, device) for shape in shapes]
    scales = [0.01 + torch.rand(12, generator=gen, dtype=torch.float64) for _ in shapes]
    points_of_zero = [
        torch.randint(-128, 128, (12,), generator=gen, dtype=torch.int32) for _ in shapes
    ]
    for q, drawn, zeros in zip(codes, scales, points_of_zero, strict=True):
        zeros[:2] = torch.tensor([-128, 127])
        for dtype in (torch.float64, torch.float32):
            scale, zero_point = drawn.to(device, dtype), zeros.to(device)
            for place in range(3):
                assert_numbers(student, q, scale[place], zero_point[place], None)
            for axis in range(-q.dim(), q.dim()):
                count = q.shape[axis]
                assert_numbers(student, q, scale[:count], zero_point[:count], axis)
            assert_numbers(student, q[:, :0], scale[0], zero_point[0], None)
            assert_numbers(student, q[:, :0], scale[: len(q)], zero_point[: len(q)], 0)
            assert_numbers(student, q[:, :0], scale[:0], zero_point[:0], 1)


@points(1)
def test_low_precision_and_extreme_sizes(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The scale is float32, or float64 for float64; tiny and large ranges keep their 255 steps."""
    sizes = (
        (torch.float16, 1e4),
        (torch.float16, 1.0),
        (torch.bfloat16, 1e4),
        (torch.float32, 1e4),
        (torch.float32, 1e-9),
        (torch.float64, 1e-20),
        (torch.float64, 1e20),
    )
    inputs = [draw(gen, (5, 7), device).clamp(-6, 6) for _ in sizes]
    for x, (dtype, size) in zip(inputs, sizes, strict=True):
        given = (x * size).to(dtype)
        for symmetric in SCHEMES:
            assert_quantized(student, given, 8, symmetric=symmetric, axis=None)
            assert_quantized(student, given, 8, symmetric=symmetric, axis=1)
    # Finite numbers whose sum, and whose range, are infinite in float16.
    for sign in (1.0, -1.0):
        given = (sign * (5e4 + 1e3 * inputs[0])).to(torch.float16)
        for side in (given, torch.cat([given, -given])):
            for symmetric in SCHEMES:
                assert_quantized(student, side, 8, symmetric=symmetric, axis=1)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Columns, slices and expanded rows are read as they are, and no input is changed."""
    x, q = draw(gen, (5, 4), device), draw_codes(gen, (5, 4), device)
    scale = 0.1 + torch.rand(4, generator=gen, dtype=torch.float64)
    zero_point = torch.randint(-128, 128, (4,), generator=gen, dtype=torch.int32)
    scale, zero_point = scale.to(device), zero_point.to(device)
    for dtype in (torch.float64, torch.float32):
        for symmetric in SCHEMES:
            assert_pure(student.quant, x.to(dtype), 8, symmetric=symmetric, axis=0)
            assert_pure(student.quant, x.to(dtype), 8, symmetric=symmetric, axis=None)
    for _, layout in strided(x):
        assert_quantized(student, layout, 8, symmetric=False, axis=1)
        assert_quantized(student, layout, 8, symmetric=True, axis=None)
    assert_pure(student.dequant, q, scale, zero_point, axis=1)
    assert_pure(student.dequant, q, scale[0], zero_point[0], axis=None)
    for _, layout in strided(q):
        assert_numbers(student, layout, scale, zero_point, 1)


@points(1)
def test_results_carry_no_graph(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """An `x` that requires a gradient is quantized like any other, and no gradient leads back."""
    x = draw(gen, (3, 5), device).requires_grad_()
    for symmetric in SCHEMES:
        found = assert_quantized(student, x, 8, symmetric=symmetric, axis=0)
        if any(part.requires_grad for part in found):
            pytest.fail("A result carries a graph: detach `x`, or compute without recording.")


@points(1)
def test_arithmetic_is_written_out(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """No quantizer of PyTorch does the work."""
    x = draw(gen, (3, 5), device, torch.float32)
    with watch(student) as seen:
        for axis in (None, 0):
            found = assert_quantized(student, x, 8, symmetric=False, axis=axis)
            assert_numbers(student, *found, axis)
    assert_allowed(seen)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Widths beyond 2 to 8, an empty `x`, NaN, infinity and an axis that `x` lacks are refused."""
    x = draw(gen, (3, 4), device)
    for bits in (2, 8):
        assert_quantized(student, x, bits, symmetric=False, axis=-1)  # good calls are not refused
    for bits in (1, 0, -3, 9, 16):
        assert_refused(student, x, bits, None, ValueError, f"`bits` = {bits}")
    for axis in (None, 0, 1):
        for empty in (x[:0], x[:, :0]):
            what = f"an empty `x` of shape {tuple(empty.shape)}"
            assert_refused(student, empty, 8, axis, ValueError, what)
        for bad in (torch.nan, torch.inf, -torch.inf):
            spoiled = x.clone()
            spoiled[1, 2] = bad
            assert_refused(student, spoiled, 8, axis, ValueError, f"an `x` that holds {bad}")
    for axis in (2, 5, -3, -4):
        assert_refused(student, x, 8, axis, IndexError, f"`axis` = {axis} of a matrix")
