"""The hidden suite of `rmsnorm_layernorm`.

Both functions are asked the same questions. A case is one function's name, its tensors in the
order of its arguments, and its epsilon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

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
    odd_shapes,
    points,
    strided,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Case: TypeAlias = tuple[str, tuple[torch.Tensor, ...], float]

RMS, LAYER = "rmsnorm", "layernorm"
BOTH = (RMS, LAYER)
NAMES = {RMS: ("x", "gain", "eps"), LAYER: ("x", "gain", "bias", "eps")}
HALVES = (torch.bfloat16, torch.float16)


def normal(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw normal numbers in float64."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


def uniform(gen: torch.Generator, low: float, high: float) -> float:
    """Draw a number between `low` and `high`."""
    return low + (high - low) * float(torch.rand(1, generator=gen, dtype=torch.float64))


def draw_rows(gen: torch.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    """Draw rows, [..., D] in float64, each with a size and a mean of its own."""
    lead = (*shape[:-1], 1)
    size = 0.3 + 2 * torch.rand(lead, generator=gen, dtype=torch.float64)
    return size * (normal(gen, *shape) + normal(gen, *lead))


def draw_parameters(gen: torch.Generator, name: str, d: int) -> tuple[torch.Tensor, ...]:
    """Draw a gain of both signs, [D], and for layer normalization a bias, [D], in float64."""
    signs = torch.randint(2, (d,), generator=gen).double() * 2 - 1
    gain = signs * (0.5 + torch.rand(d, generator=gen, dtype=torch.float64))
    return (gain,) if name == RMS else (gain, normal(gen, d))


def draw_case(
    gen: torch.Generator,
    name: str,
    shape: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
) -> Case:
    """Draw rows and parameters, with an epsilon large enough to be seen."""
    tensors = (draw_rows(gen, shape), *draw_parameters(gen, name, shape[-1]))
    eps = uniform(gen, 0.05, 0.2)
    return name, tuple(tensor.to(device, dtype) for tensor in tensors), eps


def draw_upstream(gen: torch.Generator, x: torch.Tensor) -> torch.Tensor:
    """Draw the gradient that arrives at the result for x."""
    return normal(gen, *x.shape).to(x.device, x.dtype)


def expected_rmsnorm(x: torch.Tensor, gain: torch.Tensor, eps: float) -> torch.Tensor:
    """Return the definition in float64, as a quotient."""
    x, gain = x.double(), gain.double()
    square = torch.einsum("...d,...d->...", x, x) / x.shape[-1] + eps
    return gain * (x / square.sqrt().unsqueeze(-1))


def expected_layernorm(
    x: torch.Tensor, gain: torch.Tensor, bias: torch.Tensor, eps: float
) -> torch.Tensor:
    """Return what PyTorch's own layer normalization makes of the inputs in float64."""
    return torch.nn.functional.layer_norm(
        x.double(), x.shape[-1:], gain.double(), bias.double(), eps
    )


EXPECTED: dict[str, Callable[..., torch.Tensor]] = {
    RMS: expected_rmsnorm,
    LAYER: expected_layernorm,
}


def assert_value(student: Student, case: Case, *, c: float = 8.0, scale: float = 1.0) -> None:
    """Assert that the result is the expected one, in the dtype of x."""
    name, tensors, eps = case
    actual = getattr(student, name)(*tensors, eps)
    assert_values_match(
        actual,
        EXPECTED[name](*tensors, eps),
        reduction=tensors[0].shape[-1],
        c=c,
        scale=scale,
        what=f"the result of `{name}`",
        dtype=tensors[0].dtype,
        named_axes={"D": tensors[0].shape[-1]},
        inputs=tensors,
    )


def assert_gradients(
    student: Student,
    case: Case,
    upstream: torch.Tensor,
    *,
    only: int | None = None,
    c: float = 64.0,
    scale: float = 1.0,
) -> None:
    """Assert that each tensor, or one of them alone, gets the expected gradient."""
    name, tensors, eps = case
    inputs: tuple[Any, ...] = tuple(
        tensor.detach().requires_grad_(only in (None, place))
        for place, tensor in enumerate(tensors)
    )
    assert_gradients_match(
        getattr(student, name),
        EXPECTED[name],
        (*inputs, eps),
        upstream,
        # The gain's gradient sums over the rows, that of x over a row.
        reduction=max(tensors[0].numel(), 1),
        c=c,
        scale=scale,
        names=NAMES[name],
        what=f"the result of `{name}`",
    )


def assert_refused(student: Student, case: Case, what: str) -> None:
    """Assert that the case raises a ValueError."""
    name, tensors, eps = case
    try:
        getattr(student, name)(*tensors, eps)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised by `{name}` for {what}.")


def check_values(student: Student, gen: torch.Generator, device: torch.device, name: str) -> None:
    """Assert that results are right for any number of leading axes, whatever was asked before."""
    shapes = [shape for ndim in (1, 2, 3, 4) for shape in odd_shapes(gen, ndim, 1)]
    shapes += [(6, 6), (5, 5, 5), (3, 200), (4, 7), (4, 7)]
    cases = [
        draw_case(gen, name, shape, device, (torch.float64, torch.float32)[place % 2])
        for place, shape in enumerate(shapes)
    ]
    # New numbers in an old shape, and old numbers after new ones: no call may remember another.
    # A row of few numbers may be so even that the norm magnifies its rounding.
    for case in [*cases, cases[1]]:
        assert_value(student, case, scale=8.0)
    with torch.no_grad():
        assert_value(student, cases[2], scale=8.0)


def check_gradients(
    student: Student, gen: torch.Generator, device: torch.device, name: str
) -> None:
    """Assert that each tensor gets its gradient under a random upstream, alone and with others."""
    shapes = [*odd_shapes(gen, 2, 2), *odd_shapes(gen, 3, 1), (7,)]
    cases = [draw_case(gen, name, shape, device) for shape in shapes]
    upstreams = [draw_upstream(gen, case[1][0]) for case in cases]
    for case, upstream in zip(cases, upstreams, strict=True):
        assert_gradients(student, case, upstream)
    for place in range(len(cases[0][1])):
        assert_gradients(student, cases[0], upstreams[0], only=place)


def check_large(
    student: Student, gen: torch.Generator, device: torch.device, dtype: torch.dtype, largest: float
) -> None:
    """Assert that values and gradients are right for numbers of the size `largest`."""
    cases = []
    for name in BOTH:
        _, (x, *parameters), eps = draw_case(gen, name, (4, 6), device)
        x = (0.7 + 0.3 * torch.rand(x.shape, generator=gen).to(device)) * x.sign()
        x[:, 0], x[:, 1] = 1, -1
        tensors = (largest * x, *parameters)
        cases.append((name, tuple(tensor.to(dtype) for tensor in tensors), eps))
    upstreams = [draw_upstream(gen, case[1][0]) for case in cases]
    c = 8.0 if dtype in HALVES else 64.0
    for case, upstream in zip(cases, upstreams, strict=True):
        assert_value(student, case)
        for place in range(len(case[1])):
            # What cancels in the gradient of x is of the size upstream / x.
            scale = 1.0 if place else 1 / largest
            assert_gradients(student, case, upstream, only=place, c=c, scale=scale)


@points(2)
def test_rmsnorm_matches_its_definition(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`rmsnorm` equals its definition for any number of leading axes, with autograd on or off."""
    check_values(student, gen, device, RMS)


@points(2)
def test_rmsnorm_gradients_flow_through_the_mean_square(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`x` and `gain` get the derivatives of `rmsnorm`, through the mean square too."""
    check_gradients(student, gen, device, RMS)


@points(2)
def test_layernorm_matches_its_definition(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`layernorm` equals its definition for any number of leading axes, with autograd on or off."""
    check_values(student, gen, device, LAYER)


@points(2)
def test_layernorm_gradients_flow_through_both_statistics(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`x`, `gain` and `bias` get the derivatives of `layernorm`, through mean and variance too."""
    check_gradients(student, gen, device, LAYER)


@points(2)
def test_epsilon_stands_inside_the_root(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The epsilon given is added to the mean square or variance, and the root of the sum taken."""
    settings = ((0.1, 0.2), (0.1, 0.02), (1e-5, 0.003), (1e-12, 1.0), (2.5, 1.0))
    cases = []
    for name in BOTH:
        for eps, size in settings:
            _, (x, *parameters), _ = draw_case(gen, name, (3, 8), device)
            cases.append((name, (size * x, *parameters), eps))
        # An epsilon below that of the dtype counts where the rows are as small.
        for dtype, eps, size in ((torch.float32, 1e-9, 1e-4), (torch.float64, 1e-19, 1e-9)):
            _, (x, *parameters), _ = draw_case(gen, name, (3, 8), device)
            tensors = (size * x, *parameters)
            cases.append((name, tuple(tensor.to(dtype) for tensor in tensors), eps))
    for case in cases:
        assert_value(student, case)


@points(2)
def test_statistics_divide_by_the_length_of_a_row(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Means divide by D, not by D - 1: short rows show it, and a row of one number most."""
    shapes = ((4, 2), (2, 3), (1, 2), (3, 1), (1,), (1, 1, 1))
    cases = [draw_case(gen, name, shape, device) for name in BOTH for shape in shapes]
    upstreams = [draw_upstream(gen, case[1][0]) for case in cases]
    for case, upstream in zip(cases, upstreams, strict=True):
        assert_value(student, case)
        assert_gradients(student, case, upstream)


@points(1)
def test_gradients_agree_with_finite_differences(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradients of all tensors together are the slopes that finite differences see."""
    for name in BOTH:
        _, tensors, eps = draw_case(gen, name, (2, 3), device)
        inputs = (*(tensor.requires_grad_() for tensor in tensors), eps)
        assert_gradcheck(
            getattr(student, name), inputs, names=NAMES[name], reference=EXPECTED[name]
        )


@points(2)
def test_rows_without_variation(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Rows of zeros and of equal numbers have the documented result, and gradients free of NaN."""
    for name in BOTH:
        cases = []
        for dtype, eps in ((torch.float64, 1e-3), (torch.float32, 1e-5), (torch.float32, 0.1)):
            _, (x, *parameters), _ = draw_case(gen, name, (5, 4), device, dtype)
            x[1] = 0
            x[3] = 2.5 * float(torch.randint(1, 9, (1,), generator=gen))
            cases.append((name, (x, *parameters), eps))
        upstreams = [draw_upstream(gen, case[1][0]) for case in cases]
        for case, upstream in zip(cases, upstreams, strict=True):
            steepest = case[2] ** -0.5
            assert_value(student, case, scale=steepest)
            assert_gradients(student, case, upstream, scale=steepest)
            nothing = torch.zeros_like(case[1][0])
            assert_value(student, (name, (nothing, *case[1][1:]), case[2]))


@points(2)
def test_layernorm_ignores_a_common_offset(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A mean of 10,000 in float32, or 1e8 in float64, beside a deviation of 1 leaves the digits."""
    cases = [draw_case(gen, LAYER, shape, device, torch.float32) for shape in ((3, 8), (2, 5, 64))]
    rows = [1e4 + normal(gen, *case[1][0].shape).to(device) for case in cases]
    for (_, (_, *parameters), eps), row in zip(cases, rows, strict=True):
        # Rounding the mean costs about 1e-3; mean(x^2) - mu^2 is a multiple of 8 in float32.
        assert_value(student, (LAYER, (row.float(), *parameters), eps), c=64, scale=1e4)
        exact = tuple(tensor.double() for tensor in parameters)
        assert_value(student, (LAYER, (row + 1e8, *exact), eps), c=64, scale=1e8)


@points(2)
def test_float16_does_not_overflow_at_300(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """In float16, numbers of 300, whose squares it cannot hold, stay finite and right."""
    check_large(student, gen, device, torch.float16, 300.0)


@points(1)
def test_large_numbers_keep_their_dtype_and_digits(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """In the other dtypes, numbers of 10,000 give the right result in their own dtype."""
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        check_large(student, gen, device, dtype, 1e4)


@points(2)
def test_half_precision_is_rounded_once(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """bfloat16 and float16 are computed in float32 and rounded at the end, once."""
    for name in BOTH:
        cases = [draw_case(gen, name, (100, 40), device, dtype) for dtype in HALVES]
        for case in cases:
            _, tensors, eps = case
            # One rounding is at most half an epsilon off; two are up to a whole one.
            assert_values_match(
                getattr(student, name)(*tensors, eps),
                EXPECTED[name](*tensors, eps),
                c=0.75,
                scale=0.02,
                what=f"the result of `{name}`",
                dtype=tensors[0].dtype,
            )


@points(1)
def test_empty_batches(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """Rows of which there are none give a result of their shape, and a gain's gradient of 0."""
    for name in BOTH:
        for shape in ((0, 3), (2, 0, 5)):
            case = draw_case(gen, name, shape, device)
            full = draw_case(gen, name, (2, shape[-1]), device)
            assert_value(student, full)
            assert_value(student, case)
            assert_gradients(student, case, draw_upstream(gen, case[1][0]))


@fresh  # what an earlier call left behind would hide what this one changes
@points(2)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded tensors are read as they are, and none is changed."""
    for name in BOTH:
        dtypes = (torch.float64, torch.float32, torch.float16, torch.float64)
        cases = [draw_case(gen, name, (4, 3, 6), device, dtype) for dtype in dtypes]
        upstream = draw_upstream(gen, cases[0][1][0])
        for place, (_, tensors, eps) in enumerate(cases):
            case = (name, tuple(strided(tensor)[place][1] for tensor in tensors), eps)
            assert_pure(getattr(student, name), *case[1], eps)
            # A row of equal numbers, as an expanded one is, is centred to mere rounding.
            assert_value(student, case, scale=8.0)
            if tensors[0].dtype is torch.float64:
                assert_gradients(student, case, upstream)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A scalar x, a gain or bias that is not [D], and an eps of 0 or below raise a ValueError."""
    for name in BOTH:
        case = draw_case(gen, name, (3, 4), device)
        _, tensors, eps = case
        assert_value(student, case)  # a good call is not refused
        for place in range(1, len(tensors)):
            good = tensors[place]
            for odd in (good[:1], good[:3], good[0], good[None], good.expand(3, 4), good[[0] * 8]):
                wrong = (*tensors[:place], odd, *tensors[place + 1 :])
                what = f"`{NAMES[name][place]}` of shape {tuple(odd.shape)} where D is 4"
                assert_refused(student, (name, wrong, eps), what)
        scalar = tensors[0][0, 0]
        for shape in ((1,), ()):
            parameters = (tensor[0].reshape(shape) for tensor in tensors[1:])
            assert_refused(student, (name, (scalar, *parameters), eps), "an `x` without axes")
        for bad in (0.0, -eps):
            assert_refused(student, (name, tensors, bad), "an `eps` that is not positive")


@points(2)
def test_normalization_is_written_by_hand(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The statistics are computed here, not by a normalization that PyTorch has ready."""
    for name in BOTH:
        case = draw_case(gen, name, (3, 4), device, torch.float32)
        with watch(student) as seen:
            assert_value(student, case)
        assert_allowed(seen)
