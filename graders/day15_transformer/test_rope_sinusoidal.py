"""The hidden suite of `rope_sinusoidal`.

The reference turns pairs by multiplying complex numbers, in float64. Angles near position 50 are
good to some hundred epsilons of float64 however they are computed, and those at 100,000 to 1e-9.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_gradcheck,
    assert_gradients_match,
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

Case: TypeAlias = tuple[torch.Tensor, torch.Tensor, float]  # x, positions, theta

NAMES = ("x", "positions", "theta")
WHAT = "the result of `rope`"
HALVES = (torch.bfloat16, torch.float16)
# How many roundings of an angle near 50 are forgiven.
NEAR = {torch.float64: 2048.0, torch.float32: 64.0, torch.bfloat16: 8.0, torch.float16: 8.0}


def normal(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw normal numbers in float64."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


def uniform(gen: torch.Generator, low: float, high: float) -> float:
    """Draw a number between `low` and `high`."""
    return low + (high - low) * float(torch.rand(1, generator=gen, dtype=torch.float64))


def draw_positions(gen: torch.Generator, *shape: int, low: int = 1, high: int = 40) -> torch.Tensor:
    """Draw positions, int64, in no order."""
    return torch.randint(low, high, shape, generator=gen)


def draw_case(
    gen: torch.Generator,
    shape: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
) -> Case:
    """Draw x of a shape, one position for each index of its axis T, and a base."""
    x = normal(gen, *shape).to(device, dtype)
    return x, draw_positions(gen, shape[-2]).to(device), uniform(gen, 20.0, 300.0)


def even_shapes(gen: torch.Generator, ndim: int, count: int) -> list[tuple[int, ...]]:
    """Draw shapes whose lengths differ and whose last one is even."""
    return [(*shape[:-1], 2 * (shape[-1] + 9)) for shape in odd_shapes(gen, ndim, count)]


def expected_rope(x: torch.Tensor, positions: torch.Tensor, theta: float) -> torch.Tensor:
    """Return the points of the plane, as complex numbers, each times a number of length 1."""
    dim = x.shape[-1]
    rates = [math.exp(-math.log(theta) * (2 * pair / dim)) for pair in range(dim // 2)]
    rate = torch.tensor(rates, dtype=torch.float64, device=x.device)
    angle = positions.double()[..., None] * rate
    points_of_plane = torch.complex(x[..., ::2].double(), x[..., 1::2].double())
    turned = torch.view_as_real(points_of_plane * torch.exp(1j * angle))
    return turned.reshape(x.shape)


def expected_table(length: int, dim: int) -> torch.Tensor:
    """Return the table, [length, dim] in float64, feature by feature."""
    time = torch.arange(length, dtype=torch.float64)
    columns = []
    for feature in range(dim):
        angle = time / math.pow(10_000.0, (feature - feature % 2) / dim)
        columns.append(torch.cos(angle) if feature % 2 else torch.sin(angle))
    return torch.stack(columns, dim=1)


def assert_value(student: Student, case: Case, c: float | None = None, scale: float = 1.0) -> None:
    """Assert that the result is the expected one, in the dtype of x."""
    x = case[0]
    assert_values_match(
        student.rope(*case),
        expected_rope(*case),
        c=NEAR[x.dtype] if c is None else c,
        scale=scale,
        what=WHAT,
        dtype=x.dtype,
        inputs=(x,),
    )


def assert_gradient(
    student: Student, case: Case, upstream: torch.Tensor, c: float | None = None
) -> None:
    """Assert that x gets the expected gradient."""
    x, positions, theta = case
    assert_gradients_match(
        student.rope,
        expected_rope,
        (x.detach().requires_grad_(), positions, theta),
        upstream.to(x.device, x.dtype),
        c=NEAR[x.dtype] if c is None else c,
        scale=1.0,
        names=NAMES,
        what=WHAT,
    )


def assert_table(student: Student, length: int, dim: int) -> None:
    """Assert that a table of sinusoids is right to the last digits of float32."""
    assert_values_match(
        student.sinusoidal(length, dim),
        expected_table(length, dim),
        scale=1.0,
        c=2,
        what="the table",
        dtype=torch.float32,
    )


def assert_refused(student: Student, name: str, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        getattr(student, name)(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised by `{name}` for {what}.")


@in_worker
def decode(
    student: Any, x: torch.Tensor, positions: torch.Tensor, theta: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two results for one tensor of positions, which moves on between them."""
    first = student.rope(x, positions, theta)
    positions.add_(1)
    return first, student.rope(x, positions, theta)


@in_worker
def table_by_default(student: Any, length: int, dim: int) -> torch.Tensor:
    """Return the table while float64 is PyTorch's default dtype."""
    torch.set_default_dtype(torch.float64)
    try:
        table: torch.Tensor = student.sinusoidal(length, dim)
    finally:
        torch.set_default_dtype(torch.float32)
    return table


@points(2)
def test_rope_matches_its_definition(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Every pair is turned by its angle, for any leading axes, with autograd on or off."""
    shapes = [shape for ndim in (2, 3, 4) for shape in even_shapes(gen, ndim, 1)]
    shapes += [(6, 6), (4, 4, 4), (2, 3, 64), (2, 3, 64), (1, 2, 1, 3, 4)]
    dtypes = (torch.float64, torch.float32)
    cases = [draw_case(gen, shape, device, dtypes[i % 2]) for i, shape in enumerate(shapes)]
    # New numbers in an old shape, and old numbers after new ones: no call may remember another.
    for case in [*cases, cases[0]]:
        assert_value(student, case)
    with torch.no_grad():
        assert_value(student, cases[2])


@points(2)
def test_pairs_are_neighbours(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """A feature 2i or 2i + 1 on its own moves within its pair: no other feature hears of it."""
    dim = 10
    positions = draw_positions(gen, dim).to(device)
    sizes = normal(gen, dim).to(device)
    # Token t holds nothing but feature t.
    assert_value(student, (torch.diag(sizes), positions, 50.0))


@points(2)
def test_wavelengths_grow_with_the_pair(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Pair i has the frequency theta^(-2i/D), whatever theta and D are."""
    bases = [10_000.0, 500_000.0, 1.0, uniform(gen, 2.0, 9.0)]
    dims = (8, 2, 64, 6)
    cases = [(draw_case(gen, (5, dim), device), base) for dim in dims for base in bases]
    for (x, positions, _), base in cases:
        assert_value(student, (x, positions, base))


@points(2)
def test_each_token_has_a_position_of_its_own(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Positions may be unordered, negative, fractional or 0, and may differ between sequences."""
    batch, heads, length, dim = 3, 2, 5, 8
    shape = (batch, heads, length, dim)
    unordered = draw_positions(gen, batch, 1, length, low=-30, high=30)
    kinds = [
        unordered,
        draw_positions(gen, heads, length),
        draw_positions(gen, *shape[:-1]),
        draw_positions(gen, length).int(),
        draw_positions(gen, length).double() + torch.rand(length, generator=gen).double(),
        draw_positions(gen, batch, 1, length).float() / 4 - 3,
        torch.arange(length),
    ]
    inputs = [draw_case(gen, shape, device) for _ in kinds]
    for (x, _, theta), positions in zip(inputs, kinds, strict=True):
        assert_value(student, (x, positions.to(device), theta))
    # A decoder counts its one tensor of positions up.
    x, positions, theta = draw_case(gen, (2, 4, 6), device)
    for place, found in enumerate(decode(student, x, positions, theta)):
        right = expected_rope(x, positions + place, theta)
        assert_values_match(found, right, c=2048, scale=1.0, what=WHAT)


@points(2)
def test_far_positions_are_exact(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """At positions around 100,000 the result is as exact as at small ones, in every dtype."""
    cases = []
    for dtype, c in ((torch.float64, 1e6), (torch.float32, 8.0), *((d, 2.0) for d in HALVES)):
        x, _, _ = draw_case(gen, (2, 7, 12), device, dtype)
        positions = draw_positions(gen, 7, low=80_000, high=120_000).to(device)
        cases.append(((x, positions, 10_000.0), c))
    for case, c in cases:
        assert_value(student, case, c=c)


@points(2)
def test_gradient_turns_back(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """Under a random upstream x gets the derivative: the upstream turned by the opposite angle."""
    shapes = [*even_shapes(gen, 2, 1), *even_shapes(gen, 3, 2)]
    cases = [draw_case(gen, shape, device) for shape in shapes]
    cases.append(draw_case(gen, (2, 3, 4, 6), device, torch.float32))
    upstreams = [normal(gen, *case[0].shape) for case in cases]
    for case, upstream in zip(cases, upstreams, strict=True):
        assert_gradient(student, case, upstream)


@points(1)
def test_gradient_agrees_with_finite_differences(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradient of x is the slope that finite differences see."""
    x, positions, theta = draw_case(gen, (2, 3, 4), device)
    inputs = (x.requires_grad_(), positions, theta)
    assert_gradcheck(student.rope, inputs, names=NAMES, what=WHAT, reference=expected_rope)


@points(1)
def test_half_precision_is_rounded_once(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """bfloat16 and float16 keep their dtype, are computed in float32 and rounded once."""
    cases = [draw_case(gen, (3, 50, 16), device, dtype) for dtype in HALVES]
    large, positions, theta = draw_case(gen, (4, 6), device, torch.float16)
    for case in cases:
        # One rounding is at most half an epsilon off; two are up to a whole one.
        assert_value(student, case, c=0.75, scale=0.02)
    case = (large.sign() * 300, positions, theta)
    assert_value(student, case, c=2, scale=300.0)
    assert_gradient(student, case, torch.ones_like(large), c=2)


@fresh  # what an earlier call left behind would hide what this one changes
@points(2)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded tensors are read as they are, and none is changed."""
    dtypes = (torch.float64, torch.float32, torch.float16, torch.float64)
    cases = [draw_case(gen, (3, 5, 6), device, dtype) for dtype in dtypes]
    kinds = [draw_positions(gen, 3, 5).to(device, torch.float64) for _ in cases]
    upstream = normal(gen, 3, 5, 6)
    for place, ((x, _, theta), positions) in enumerate(zip(cases, kinds, strict=True)):
        case = (strided(x)[place][1], strided(positions)[place][1], theta)
        assert_pure(student.rope, *case)
        assert_value(student, case)
        if x.dtype is torch.float64:
            assert_gradient(student, case, upstream)


@points(1)
def test_position_zero_is_a_copy(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """At position 0 nothing turns, and the result has memory of its own all the same."""
    x, positions, theta = draw_case(gen, (4, 6), device)
    assert_value(student, (x, positions, theta))
    case = (x, torch.zeros_like(positions), theta)
    assert_pure(student.rope, *case)
    assert_value(student, case)


@points(1)
def test_empty_and_single_axes(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """No tokens, no sequences, one token and one pair are cases like any other."""
    shapes = ((1, 2), (1, 1, 4), (1, 4, 2), (0, 4), (2, 0, 6), (0, 3, 4), (2, 0, 3, 2))
    for shape in shapes:
        case = draw_case(gen, shape, device)
        assert_value(student, case)
        assert_gradient(student, case, normal(gen, *shape))


@points(1)
def test_no_matrix_is_made_for_each_token(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """No tensor has more elements than x: the rotation is written pair by pair."""
    x, positions, theta = draw_case(gen, (3, 5, 16), device)
    positions[1], positions[3] = -100_000, 100_000
    case = (x.float(), positions, theta)
    with watch(student) as seen:
        assert_value(student, case)
    assert_largest_at_most(seen, x.numel())


@points(1)
def test_rope_refuses_bad_arguments(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Odd D, x with one axis, positions of another length and theta <= 0 raise a ValueError."""
    x, positions, theta = case = draw_case(gen, (2, 4, 6), device)
    assert_value(student, case)  # a good call is not refused
    for odd in (x[..., :5], x[..., :1], x[..., :0]):
        assert_refused(student, "rope", (odd, positions, theta), f"D = {odd.shape[-1]}")
    # As long as x, so that nothing else is wrong.
    assert_refused(student, "rope", (x[0, 0, :4], positions, theta), "an `x` with one axis")
    assert_refused(student, "rope", (x[0, 0, 0], positions[0], theta), "an `x` without axes")
    for wrong in (positions[:3], positions[:1], positions[0], positions[:, None]):
        what = f"positions of shape {tuple(wrong.shape)} where T is 4"
        assert_refused(student, "rope", (x, wrong, theta), what)
    for base in (0.0, -theta):
        assert_refused(student, "rope", (x, positions, base), "a `theta` that is not positive")


@points(2)
def test_table_alternates_sine_and_cosine(student: Student, gen: torch.Generator) -> None:
    """Even columns hold sines, odd ones cosines, of positions 0 to T - 1, rounded to float32."""
    sizes = [(t, 2 * (d + 9)) for t, d in odd_shapes(gen, 2, 3)]
    for length, dim in [*sizes, (6, 6), (1, 4), (7, 2), (9, 128), *sizes[:1]]:
        assert_table(student, length, dim)
    found = table_by_default(student, 5, 6)
    assert_values_match(
        found, expected_table(5, 6), scale=1.0, c=2, what="the table", dtype=torch.float32
    )


@points(1)
def test_long_table_is_exact(student: Student, gen: torch.Generator) -> None:
    """Thousands of positions do not wear the digits of the table away."""
    (length,) = torch.randint(6_000, 8_000, (1,), generator=gen).tolist()
    assert_table(student, length, 6)


@points(1)
def test_sinusoidal_refuses_bad_arguments(student: Student) -> None:
    """Odd, zero and negative D and a negative T raise a ValueError; T = 0 is an empty table."""
    assert_table(student, 3, 4)  # a good call is not refused
    assert_values_match(student.sinusoidal(0, 4), torch.zeros(0, 4), what="the table for T = 0")
    for dim in (5, 1, 0, -2):
        assert_refused(student, "sinusoidal", (3, dim), f"D = {dim}")
    assert_refused(student, "sinusoidal", (-1, 4), "T = -1")
