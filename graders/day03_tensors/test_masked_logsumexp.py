"""The hidden suite of `masked_logsumexp`."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_gradcheck,
    assert_gradgradcheck,
    assert_pure,
    assert_values_match,
    fresh,
    odd_shapes,
    points,
    strided,
    watch,
)

NAMES = ("x", "mask", "dim")
CAPPED = 1e9  # as many roundings as the law of tolerances forgives at most


def draw(
    gen: torch.Generator, shape: tuple[int, ...], device: torch.device, scale: float = 3.0
) -> torch.Tensor:
    """Draw a normal tensor in float64, wide enough for the largest element to stand out."""
    return (scale * torch.randn(shape, generator=gen, dtype=torch.float64)).to(device)


def draw_mask(
    gen: torch.Generator, shape: tuple[int, ...], dim: int, device: torch.device
) -> torch.Tensor:
    """Draw a mask that lets some elements of each line along `dim` take part, but not all."""
    ranks = torch.rand(shape, generator=gen).argsort(dim).argsort(dim)
    lines = list(shape)
    lines[dim] = 1
    return (ranks < torch.randint(1, shape[dim], lines, generator=gen)).to(device)


def without(shape: tuple[int, ...], dim: int) -> tuple[int, ...]:
    """Return the shape that is left once the axis `dim` is summed over."""
    return tuple(length for axis, length in enumerate(shape) if axis != dim % len(shape))


def one_line(chosen: torch.Tensor) -> float:
    """Return log(sum(exp)) of the elements that take part, -inf where nothing is summed."""
    if not len(chosen) or chosen.max() == -math.inf:
        return -math.inf
    top = float(chosen.max())
    return top + math.log(sum(math.exp(number - top) for number in chosen.tolist()))


def expected_value(x: torch.Tensor, mask: torch.Tensor, dim: int) -> torch.Tensor:
    """Return the result in float64, line by line."""
    lines = x.detach().cpu().double().movedim(dim, -1)
    kept = mask.cpu().expand(x.shape).movedim(dim, -1)
    value = torch.empty(lines.shape[:-1], dtype=torch.float64)
    for place in product(*(range(length) for length in value.shape)):
        value[place] = one_line(lines[place][kept[place]])
    return value.to(x.device)


def expected_gradient(
    x: torch.Tensor, mask: torch.Tensor, dim: int, upstream: torch.Tensor
) -> torch.Tensor:
    """Return the gradient of x in float64: upstream times softmax, nothing outside of it."""
    value = expected_value(x, mask, dim).unsqueeze(dim)
    share = (x.detach().double() - value).exp() * upstream.double().unsqueeze(dim)
    return torch.where(mask & (x > -math.inf) & (value > -math.inf), share, 0.0)


def plain(x: torch.Tensor, mask: torch.Tensor, dim: int) -> torch.Tensor:
    """Return the result by its definition, for autograd to differentiate at moderate x."""
    return (mask.double() * x.exp()).sum(dim).log()


def assert_value(student: Student, x: torch.Tensor, mask: torch.Tensor, dim: int) -> None:
    """Assert that the result is right, in the dtype of x."""
    due = expected_value(x, mask, dim)
    terms = max(x.shape[dim], 1)
    # Next to a maximum of one, the rounding errors of a result near zero are as large.
    assert_values_match(student.mlse(x, mask, dim), due, reduction=terms, scale=1.0, dtype=x.dtype)


def assert_gradient(
    student: Student,
    x: torch.Tensor,
    mask: torch.Tensor,
    dim: int,
    upstream: torch.Tensor,
    c: float = 64.0,
) -> None:
    """Assert that the gradient of x is right, and exactly zero where it must be."""
    leaf = x.detach().requires_grad_()
    y = student.mlse(leaf, mask, dim)
    if not y.requires_grad:
        pytest.fail("The result is detached from `x`: no gradient reaches it.")
    (found,) = torch.autograd.grad(y, leaf, upstream)
    due = expected_gradient(x, mask, dim, upstream)
    what = "the gradient of `x`"
    # exp(x - y) is a formula as good as any: its relative error is the absolute one of y.
    assert_values_match(found, due, c=c, scale=4.0, dtype=x.dtype, what=what)
    if bool(found[(~mask).expand(x.shape)].any()):
        pytest.fail("A gradient reaches elements that take no part: it must be exactly zero there.")


def assert_second_gradient(
    student: Student, x: torch.Tensor, mask: torch.Tensor, upstream: torch.Tensor, w: torch.Tensor
) -> None:
    """Assert that the gradient of <w, gradient of x> along the last axis is right."""
    leaf = x.detach().requires_grad_()
    y = student.mlse(leaf, mask, -1)
    (first,) = torch.autograd.grad(y, leaf, upstream, create_graph=True)
    if not first.requires_grad:
        pytest.fail("The gradient of `x` is detached: it must be differentiable.")
    (found,) = torch.autograd.grad(first, leaf, w)
    share = expected_gradient(x, mask, -1, torch.ones_like(upstream))
    mean = (share * w).sum(-1, keepdim=True)
    due = upstream.unsqueeze(-1) * share * (w - mean)
    what = "the gradient of the gradient of `x`"
    assert_values_match(found, due, c=64, reduction=x.shape[-1], scale=4.0, what=what)


@points(2)
def test_value_is_the_log_of_the_masked_sum(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result is log(sum(exp(x))) over the elements whose mask is True."""
    shapes = [*odd_shapes(gen, 2), *odd_shapes(gen, 1), (4, 4), (4, 4)]
    cases = [(draw(gen, shape, device), draw_mask(gen, shape, -1, device)) for shape in shapes]
    for x, mask in cases:
        for dtype in (torch.float64, torch.float32):
            assert_value(student, x.to(dtype), mask, x.dim() - 1)
        assert_value(student, x, torch.ones_like(mask), x.dim() - 1)


@points(1)
def test_true_means_taking_part(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """If one element of a line takes part, the result is that element."""
    x, upstream = draw(gen, (5, 7), device), draw(gen, (5,), device)
    place = torch.randint(7, (5, 1), generator=gen).to(device)
    mask = torch.zeros(5, 7, dtype=torch.bool, device=device).scatter(1, place, value=True)
    actual = student.mlse(x, mask, 1)
    assert_values_match(actual, x.gather(1, place)[:, 0], scale=1.0)
    assert_gradient(student, x, mask, 1, upstream)


@points(2)
def test_any_axis_is_summed_over(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`dim` chooses the axis, counted from the front or from the end."""
    shapes = [*odd_shapes(gen, 3, 2), (2, 5, 3, 4), (3, 3, 3)]
    cases = [
        (draw(gen, shape, device), dim, draw_mask(gen, shape, dim, device))
        for shape in shapes
        for dim in range(len(shape))
    ]
    for x, dim, mask in cases:
        assert_value(student, x, mask, dim)
        assert_value(student, x, mask, dim - x.dim())


@points(2)
def test_gradient_is_the_softmax_of_those_that_take_part(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradient is the upstream one times the masked softmax, and exactly 0 elsewhere."""
    dims = (0, 1, -1, -2)
    shapes = [*odd_shapes(gen, 3), (5, 4)]
    cases = [
        (
            draw(gen, shape, device),
            draw_mask(gen, shape, dim, device),
            dim,
            draw(gen, without(shape, dim), device),
        )
        for shape, dim in zip(shapes, dims, strict=True)
    ]
    for x, mask, dim, upstream in cases:
        for dtype in (torch.float64, torch.float32):
            assert_gradient(student, x.to(dtype), mask, dim, upstream.to(dtype))


@points(1)
def test_derivatives_agree_with_finite_differences(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradient, and the gradient of the gradient, are what finite differences see."""
    x, mask = draw(gen, (2, 3), device, 1.0), draw_mask(gen, (2, 3), 1, device)
    inputs = (x.requires_grad_(), mask, 1)
    assert_gradcheck(student.mlse, inputs, names=NAMES, reference=plain)
    assert_gradgradcheck(student.mlse, inputs, names=NAMES, reference=plain)


@points(3)
def test_nothing_takes_part(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """A line that is masked as a whole gives -inf and a gradient of 0, not NaN."""
    x, mask = draw(gen, (5, 4), device), draw_mask(gen, (5, 4), 1, device)
    upstream = draw(gen, (5,), device)
    mask[1] = mask[3] = False
    for dtype in (torch.float64, torch.float32, torch.float16):
        assert_value(student, x.to(dtype), mask, 1)
        assert_gradient(student, x.to(dtype), mask, 1, upstream.to(dtype))
    assert_value(student, x, torch.zeros_like(mask), 0)
    assert_gradient(student, x, torch.zeros_like(mask), 0, upstream[:4])


@points(1)
def test_minus_infinity_adds_nothing(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Elements of -inf that take part add nothing and get no gradient; if all are, y is -inf."""
    x, mask = draw(gen, (6, 5), device), draw_mask(gen, (6, 5), 1, device)
    upstream = draw(gen, (6,), device)
    mask[0] = True
    x[0, 1:3] = -math.inf
    x[1, mask[1]] = -math.inf  # and the others are finite
    x[2] = -math.inf
    mask[3], x[3] = True, -math.inf
    for dtype in (torch.float64, torch.float32):
        assert_value(student, x.to(dtype), mask, 1)
        assert_gradient(student, x.to(dtype), mask, 1, upstream.to(dtype))


@points(3)
def test_masked_elements_reach_nothing(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """NaN, inf and -inf where the mask is False reach neither the result nor its gradients."""
    x, mask = draw(gen, (5, 6), device), draw_mask(gen, (5, 6), 1, device)
    upstream = draw(gen, (5,), device)
    along = draw(gen, (5, 6), device)
    mask[4] = False
    for junk in (math.nan, math.inf, -math.inf):
        spoilt = x.masked_fill(~mask, junk)
        for dtype in (torch.float64, torch.float32):
            assert_value(student, spoilt.to(dtype), mask, 1)
            assert_gradient(student, spoilt.to(dtype), mask, 1, upstream.to(dtype))
        assert_second_gradient(student, spoilt, mask, upstream, along)


@points(2)
def test_large_inputs_stay_finite(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """At |x| = 10,000 in float32 and 300 in float16 result and gradient are finite and right."""
    signs = torch.tensor([[1.0, 1, -1, 0], [-1, -1, -1, -1], [1, 1, 1, 1], [-1, 1, 0, 1]])
    small, upstream = draw(gen, (4, 4), device, 1.0), draw(gen, (4,), device, 1.0)
    mask = draw_mask(gen, (4, 4), 1, device)
    mask[0], mask[1] = True, True
    for dtype, size, c in ((torch.float32, 1e4, CAPPED), (torch.float16, 300.0, 8)):
        x = (size * signs.to(device) + small).to(dtype)
        assert_value(student, x, mask, 1)
        assert_gradient(student, x, mask, 1, upstream.to(dtype), c=c)


@points(2)
def test_masked_maximum_does_not_shift(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A huge element that takes no part leaves the small ones that do their digits."""
    x, mask = draw(gen, (4, 6), device), draw_mask(gen, (4, 6), 1, device)
    upstream = draw(gen, (4,), device)
    for size in (1e4, 1e30):
        heaped = torch.where(mask, x, size).float()
        assert_value(student, heaped, mask, 1)
        assert_gradient(student, heaped, mask, 1, upstream.float())
    low = torch.where(mask, x - 1e4, x).float()
    assert_value(student, low, mask, 1)
    assert_gradient(student, low, mask, 1, upstream.float(), c=CAPPED)


@points(2)
def test_mask_broadcasts_to_x(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """A mask with axes missing or of length 1 counts for all that it stands for."""
    a, b, c = odd_shapes(gen, 3, 1)[0]
    x = draw(gen, (a, b, c), device)
    shapes = ((c,), (b, 1), (b, c), (a, 1, 1), (a, 1, c), (1, b, c), (1,), ())
    masks = [(torch.rand(shape, generator=gen) < 0.6).to(device) for shape in shapes]
    upstream = draw(gen, (a, b, c), device)
    for place, mask in enumerate(masks):
        for dim in (0, 1, -1):
            assert_value(student, x, mask, dim)
        assert_gradient(student, x, mask, place % 3, upstream.select(place % 3, 0))


@points(2)
def test_half_precision_is_computed_in_float32(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Where large terms cancel, the result in bfloat16 and float16 is rounded once, at the end."""
    x, mask = draw(gen, (16, 9), device, 1.0), draw_mask(gen, (16, 9), 1, device)
    # Log-probabilities, nearly: the sum is about 1, so the result is near 0.
    near = x - expected_value(x, mask, 1)[:, None] + draw(gen, (16, 1), device, 0.02)
    for dtype in (torch.float16, torch.bfloat16):
        rounded = near.to(dtype)
        due = expected_value(rounded, mask, 1)
        assert_values_match(student.mlse(rounded, mask, 1), due, c=4, dtype=dtype)
    level = torch.tensor(0.5, dtype=torch.float16, device=device)
    long = torch.ones(2, 70_000, dtype=torch.bool, device=device)
    long[1, 1::2] = False
    due = torch.tensor([70_000.0, 35_000.0], dtype=torch.float64, device=device).log() + 0.5
    actual = student.mlse(level.expand(2, 70_000), long, 1)
    assert_values_match(actual, due, c=4, dtype=torch.float16)


@points(1)
def test_axes_of_length_one_and_zero(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """One element, one line, no line and lines without elements give what the docstring says."""
    x, upstream = draw(gen, (3, 4), device), draw(gen, (3, 4), device)
    mask = draw_mask(gen, (3, 4), 1, device)
    for rows, columns in ((1, 4), (3, 1), (1, 1), (0, 4), (3, 0), (0, 0)):
        part, kept = x[:rows, :columns], mask[:rows, :columns]
        for dim, arriving in ((0, upstream[0, :columns]), (1, upstream[:rows, 0])):
            assert_value(student, part, kept, dim)
            assert_gradient(student, part, kept, dim, arriving)
    for dim in (0, -1):
        assert_value(student, x[0].half(), mask[0], dim)
    assert_value(student, x[0, :0].half(), mask[0, :0], 0)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A mask that is no bool or does not fit raises a ValueError, a wrong `dim` an IndexError."""
    x, mask = draw(gen, (3, 4), device), draw_mask(gen, (3, 4), 1, device)
    assert_value(student, x, mask, 1)  # a good call is not refused
    bad = [
        *((x, mask.to(dtype), 1) for dtype in (torch.int64, torch.uint8, torch.float64)),
        *((x, mask[:2], 1), (x, mask[:, :3], 0), (x, mask.T, 1), (x[0], mask[:, 0], 0)),
        # These fit each other, but the result would have more elements for the mask.
        *((x[:1], mask, 1), (x[0], mask, 0), (x, mask.expand(2, 3, 4), 1), (x, mask[None], 1)),
    ]
    for values, odd, dim in bad:
        what = f"a mask of shape {tuple(odd.shape)} and dtype {odd.dtype}"
        assert_raises(
            student,
            (values, odd, dim),
            ValueError,
            f"{what} at an `x` of shape {tuple(values.shape)}",
        )
    for dim in (2, -3, 5):
        assert_raises(student, (x, mask, dim), IndexError, f"a `dim` of {dim} at two axes")


def assert_raises(
    student: Student,
    arguments: tuple[torch.Tensor, torch.Tensor, int],
    kind: type[Exception],
    what: str,
) -> None:
    """Assert that a call raises an error of a kind."""
    try:
        student.mlse.unchecked(*arguments)
    except kind:
        return
    pytest.fail(f"No `{kind.__name__}` was raised for {what}.")


@points(2)
def test_logsumexp_is_not_used(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The sum is written by hand: `torch.logsumexp` is not called."""
    x, mask = draw(gen, (3, 4), device), draw_mask(gen, (3, 4), 1, device)
    with watch(student) as seen:
        assert_value(student, x, mask, 1)
        assert_value(student, x, torch.ones_like(mask), 0)
    assert_allowed(seen)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded tensors are read as they are, and none is changed."""
    x, mask = draw(gen, (4, 5), device), draw_mask(gen, (4, 5), 1, device)
    mask[2] = False
    upstream = draw(gen, (4,), device)
    for (name, layout), (_, kept) in zip(strided(x), strided(mask), strict=True):
        for dtype in (torch.float64, torch.float32):
            values = layout if dtype == layout.dtype else layout.to(dtype)
            assert_pure(student.mlse, values, kept, 1)
            assert_value(student, values, kept, 1)
        assert_value(student, layout, mask, 0)
        if name != "expanded":  # a leaf whose elements share memory has no gradient of its own
            assert_gradient(student, layout, kept, 1, upstream)
