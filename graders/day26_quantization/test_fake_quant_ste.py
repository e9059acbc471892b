"""The hidden suite of `fake_quant_ste`.

Inputs keep clear of ties and bounds, where rounding would decide, except where these are the
subject: there the scale is a power of two, so that x / scale is exact.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_pure,
    assert_saves_at_most,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    strided,
    watch,
)

Codes: TypeAlias = tuple[int, int, int]  # zero_point, qmin, qmax
Case: TypeAlias = tuple[torch.Tensor, torch.Tensor, Codes, torch.Tensor]  # x, scale, …, upstream

NAMES = ("the result", "the gradient of `x`", "the gradient of `scale`")
CLEAR = 0.03  # steps between an input and the next tie or bound
SETTINGS: tuple[Codes, ...] = (
    (3, -8, 7),
    (-37, -128, 127),
    (0, -7, 7),
    (200, 0, 255),
    (0, 0, 15),
    (-2, -4, -1),
    (1, 0, 1),
)


def uniform(
    gen: torch.Generator, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0
) -> torch.Tensor:
    """Draw numbers between `low` and `high` in float64."""
    return low + (high - low) * torch.rand(shape, generator=gen, dtype=torch.float64)


def draw_upstream(
    gen: torch.Generator, shape: tuple[int, ...], device: torch.device
) -> torch.Tensor:
    """Draw an upstream gradient of both signs, no element near 0."""
    sizes = uniform(gen, shape, 0.5, 1.5)
    return torch.where(uniform(gen, shape) < 0.3, -sizes, sizes).to(device)


def draw_scale(
    gen: torch.Generator, device: torch.device, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """Draw a scale, [], that begins in the middle of its memory."""
    return torch.cat([uniform(gen, (1,), 0.2, 0.9) for _ in range(3)]).to(device, dtype)[1]


def draw_x(
    gen: torch.Generator, shape: tuple[int, ...], scale: torch.Tensor, codes: Codes, beyond: float
) -> torch.Tensor:
    """Draw numbers in the dtype of scale, of which the share `beyond` lies outside the bounds."""
    zero_point, qmin, qmax = codes
    low, high = qmin - zero_point, qmax - zero_point
    inside = uniform(gen, shape, low, high)
    far = uniform(gen, shape, 0.1, 0.4 * (high - low) + 1)
    outside = torch.where(uniform(gen, shape) < 0.5, low - far, high + far)
    v = torch.where(uniform(gen, shape) < beyond, outside, inside).to(scale.device)
    x = (v * scale.double()).to(scale.dtype)
    return torch.where(is_clear(x, scale, low, high), x, middle(scale, low, high))


def is_clear(x: torch.Tensor, scale: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """Say which numbers are neither near a tie nor near a bound."""
    v = x.double() / scale.double()
    from_tie = ((v - v.floor()) - 0.5).abs()
    from_bound = torch.minimum((v - low).abs(), (v - high).abs())
    return (from_tie > CLEAR) & (from_bound > CLEAR)


def middle(scale: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """Return a number, [], inside the bounds and off the steps."""
    return (((low + high) // 2 + 0.25) * scale.double()).to(scale.dtype)


def draw_case(
    gen: torch.Generator,
    shape: tuple[int, ...],
    codes: Codes,
    device: torch.device,
    dtype: torch.dtype = torch.float64,
    beyond: float = 0.5,
) -> Case:
    """Draw x, a scale and an upstream gradient, in one dtype."""
    scale = draw_scale(gen, device, dtype)
    upstream = draw_upstream(gen, shape, device).to(dtype)
    return draw_x(gen, shape, scale, codes, beyond), scale, codes, upstream


def expected(
    x: torch.Tensor, scale: torch.Tensor, codes: Codes, upstream: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return y and both gradients in float64, by cases."""
    zero_point, qmin, qmax = codes
    v = x.detach().double() / scale.detach().double()
    wide = upstream.double()
    below, above = v + zero_point <= qmin, v + zero_point >= qmax
    step = torch.floor(v + 0.5)
    # A tie has gone up: take it back where that made it odd.
    step = torch.where((step - v == 0.5) & (step % 2 == 1), step - 1, step)
    y = torch.where(below, qmin - zero_point, torch.where(above, qmax - zero_point, step))
    by_scale = y - torch.where(below | above, 0.0, v)
    by_x = wide.clone()
    by_x[below | above] = 0
    return y * scale.detach().double(), by_x, (wide * by_scale).sum()


def gradients_of(
    student: Student, leaves: tuple[torch.Tensor, torch.Tensor], codes: Codes, up: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Return y and the gradients for those of x and scale that require one."""
    y = student.FakeQuant.apply(*leaves, *codes)
    if not y.requires_grad:
        pytest.fail("The result is detached: no gradient reaches `x` or `scale`.")
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    found: tuple[torch.Tensor | None, ...] = torch.autograd.grad(y, wanted, up, allow_unused=True)
    zeros = [torch.zeros_like(leaf) for leaf in wanted]
    return (y, *(zero if g is None else g for g, zero in zip(found, zeros, strict=True)))


def assert_forward(student: Student, x: torch.Tensor, scale: torch.Tensor, codes: Codes) -> None:
    """Assert that the result is right, in the dtype of x."""
    y = student.FakeQuant.apply(x, scale, *codes)
    due = expected(x, scale, codes, torch.zeros_like(x))[0]
    assert_values_match(y, due, dtype=x.dtype, inputs=(x,))


def assert_by_x(found: torch.Tensor, due: torch.Tensor, dtype: torch.dtype) -> None:
    """Assert that the gradient of x is the upstream one inside, and exactly 0 outside."""
    assert_values_match(found, due, dtype=dtype, what=NAMES[1])
    if bool((found[due == 0] != 0).any()):
        pytest.fail("The gradient of `x` is not exactly 0 outside the bounds.")


def assert_by_scale(
    found: torch.Tensor, due: torch.Tensor, codes: Codes, count: int, dtype: torch.dtype
) -> None:
    """Assert that the gradient of the scale is right."""
    # round(v) - v loses as many digits as v has before its point.
    scale = float(max(abs(codes[1] - codes[0]), abs(codes[2] - codes[0])))
    assert_values_match(
        found, due, reduction=max(count, 1), scale=scale, c=16, dtype=dtype, what=NAMES[2]
    )


def assert_both(
    student: Student, x: torch.Tensor, scale: torch.Tensor, codes: Codes, upstream: torch.Tensor
) -> None:
    """Assert that value and both gradients are right, in the dtype of x."""
    leaves = (x.detach().requires_grad_(), scale.detach().requires_grad_())
    y, by_x, by_scale = gradients_of(student, leaves, codes, upstream)
    due = expected(x, scale, codes, upstream)
    assert_values_match(y, due[0], dtype=x.dtype)
    assert_by_x(by_x, due[1], x.dtype)
    assert_by_scale(by_scale, due[2], codes, x.numel(), x.dtype)


@in_worker
def call_backward(
    student: Any,
    x: torch.Tensor,
    scale: torch.Tensor,
    codes: tuple[int, int, int],
    upstream: torch.Tensor,
) -> tuple[Any, torch.Tensor]:
    """Call backward as autograd does; also return the upstream gradient as it is then."""
    leaves = (x.clone().requires_grad_(), scale.clone().requires_grad_())
    y = student.FakeQuant.apply(*leaves, *codes)
    with torch.no_grad():
        gradients = student.FakeQuant.backward(y.grad_fn, upstream)
    return gradients, upstream


@in_worker
def watch_graph(
    student: Any, x: torch.Tensor, scale: torch.Tensor, codes: tuple[int, int, int]
) -> dict[str, Any]:
    """Describe the graph behind a result, and what runs while autograd records."""
    recorded: list[str] = []

    class Recorder(torch.overrides.TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if torch.is_grad_enabled():
                recorded.append(func.__name__)
            return func(*args, **(kwargs or {}))

    kind = student.FakeQuant
    x, scale = x.clone().requires_grad_(), scale.clone().requires_grad_()
    upstream = torch.ones_like(x)
    with Recorder():
        y = kind.apply(x, scale, *codes)
    node = type(y.grad_fn).__name__
    if node == "FakeQuantBackward":
        with torch.no_grad(), Recorder():
            kind.backward(y.grad_fn, upstream)
    return {
        "function": isinstance(kind, type) and issubclass(kind, torch.autograd.Function),
        "node": node,
        "recorded": bool(recorded),
    }


@in_worker
def kept_bytes(
    student: Any, x: torch.Tensor, scale: torch.Tensor, codes: tuple[int, int, int]
) -> int:
    """Count the bytes that a result keeps for its backward, saved or as attributes of `ctx`."""
    leaves = (x.clone().requires_grad_(), scale.clone().requires_grad_())
    node = student.FakeQuant.apply(*leaves, *codes).grad_fn
    kept = [*getattr(node, "saved_tensors", ()), *getattr(node, "__dict__", {}).values()]
    sizes = {}
    while kept:
        part = kept.pop()
        if isinstance(part, (list, tuple)):
            kept.extend(part)
        elif isinstance(part, dict):
            kept.extend(part.values())
        elif isinstance(part, torch.Tensor):
            sizes[part.data_ptr()] = part.numel() * part.element_size()
    return sum(sizes.values())


@points(2)
def test_numbers_move_to_the_nearest_step(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result is the nearest step, and the first or last one for what lies beyond the bounds."""
    shapes = [*odd_shapes(gen, 2), *odd_shapes(gen, 3, 2), (5, 3), (5, 3)]
    cases = [
        draw_case(gen, shape, codes, device, dtype)
        for shape, codes in zip(shapes, SETTINGS, strict=True)
        for dtype in (torch.float64, torch.float32)
    ]
    for x, scale, codes, _ in cases:
        assert_forward(student, x, scale, codes)


@points(1)
def test_ties_go_to_the_even_step(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Halfway numbers go to the even multiple of the scale, whatever the zero-point."""
    power = int(torch.randint(-3, 4, (), generator=gen))
    v = torch.arange(-7, 8, device=device) + 0.5
    for dtype in (torch.float64, torch.float32, torch.float16):
        scale = torch.tensor(2.0**power, dtype=dtype, device=device)
        x = (v * 2.0**power).to(dtype)
        for codes in ((0, -8, 8), (1, -7, 7), (-3, -128, 127), (2, -3, 6)):
            assert_forward(student, x, scale, codes)


@points(2)
def test_gradient_of_x_stops_at_the_bounds(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The upstream gradient reaches x unchanged inside the bounds, and none reaches it outside."""
    shapes = [*odd_shapes(gen, 2), *odd_shapes(gen, 3, 2), (4, 7), (7, 4)]
    pairs = zip(shapes, SETTINGS, strict=True)
    cases = [draw_case(gen, shape, codes, device) for shape, codes in pairs]
    for x, scale, codes, upstream in cases:
        y, by_x = gradients_of(student, (x.requires_grad_(), scale), codes, upstream)
        due = expected(x, scale, codes, upstream)
        assert_values_match(y, due[0])
        assert_by_x(by_x, due[1], x.dtype)


@points(2)
def test_scale_gradient_inside_is_the_rounding(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Inside the bounds a number adds g times (round(v) - v) to the gradient of the scale."""
    pairs = zip(odd_shapes(gen, 2, len(SETTINGS)), SETTINGS, strict=True)
    cases = [draw_case(gen, shape, codes, device, beyond=0.0) for shape, codes in pairs]
    for x, scale, codes, upstream in cases:
        _, by_scale = gradients_of(student, (x, scale.requires_grad_()), codes, upstream)
        due = expected(x, scale, codes, upstream)
        assert_by_scale(by_scale, due[2], codes, x.numel(), x.dtype)


@points(2)
def test_scale_gradient_outside_is_the_bound(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Outside the bounds a number adds g times the bound, as seen from the zero-point."""
    pairs = zip(odd_shapes(gen, 2, len(SETTINGS)), SETTINGS, strict=True)
    cases = [draw_case(gen, shape, codes, device, beyond=1.0) for shape, codes in pairs]
    for x, scale, codes, upstream in cases:
        zero_point, qmin, qmax = codes
        # One number at least beyond either bound.
        ends = torch.tensor([qmin - zero_point - 2, qmax - zero_point + 2], device=device)
        x.view(-1)[:2] = ends * scale
        _, by_scale = gradients_of(student, (x, scale.requires_grad_()), codes, upstream)
        due = expected(x, scale, codes, upstream)
        assert_by_scale(by_scale, due[2], codes, x.numel(), x.dtype)


@points(1)
def test_gradients_come_together(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Both gradients come at once, in float64 and float32, the scale's summed over all of x."""
    shapes = [*odd_shapes(gen, 1), *odd_shapes(gen, 3), (20, 31)]
    cases = [
        draw_case(gen, shape, codes, device, dtype)
        for shape, codes in zip(shapes, SETTINGS, strict=True)
        for dtype in (torch.float64, torch.float32)
    ]
    for case in cases:
        assert_both(student, *case)


@points(2)
def test_bounds_count_as_outside(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """What lies on a bound, or beyond it but still rounds to it, is outside; up to it, inside."""
    near = torch.tensor([-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75], device=device)
    upstreams = [draw_upstream(gen, (14,), device) for _ in SETTINGS]
    for codes, upstream in zip(SETTINGS, upstreams, strict=True):
        zero_point, qmin, qmax = codes
        v = torch.cat([near + (qmin - zero_point), near + (qmax - zero_point)]).double()
        # A whole number divided by itself is 1, but 49 * (1 / 49) is not, nor 41 in float32.
        for step, dtype in (
            (0.25, torch.float64),
            (4.0, torch.float64),
            (49.0, torch.float64),
            (41.0, torch.float32),
        ):
            scale = torch.tensor(step, dtype=dtype, device=device)
            assert_both(student, (v * step).to(dtype), scale, codes, upstream.to(dtype))


@points(1)
def test_infinite_numbers_are_clipped(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Infinity, and what overflows once divided, ends at a bound, and no gradient is NaN."""
    far = torch.tensor([torch.inf, 3e38, 1e4, 0.3, -0.2, -1e4, -3e38, -torch.inf], device=device)
    upstream = draw_upstream(gen, (8,), device)
    for dtype in (torch.float32, torch.float64):
        for codes in ((3, -8, 7), (0, -127, 127), (0, 0, 15)):
            scale = torch.tensor(0.01, dtype=dtype, device=device)
            x, up = far.to(dtype), upstream.to(dtype)
            assert_both(student, x, scale, codes, up)
            # Chosen, not multiplied: what does not pass the bounds may be infinite or NaN.
            spoiled = torch.where(x.abs() > 1, torch.inf * up, up)
            spoiled[1] = torch.nan
            _, by_x = gradients_of(student, (x.requires_grad_(), scale), codes, spoiled)
            assert_by_x(by_x, expected(x, scale, codes, spoiled)[1], dtype)


@points(2)
def test_half_precision_is_computed_in_float32(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Result and gradients have the dtype of the inputs, and nothing overflows on the way there."""
    dtypes = (torch.float16, torch.bfloat16)
    cases = [draw_case(gen, (5, 9), codes, device, d) for codes in SETTINGS for d in dtypes]
    # More codes than the dtype has whole numbers: only the product may be rounded to it.
    fine = [
        draw_case(gen, (41, 30), codes, device, dtype, beyond=0.0)
        for codes, dtype in (((0, -4096, 4095), torch.float16), ((0, -512, 511), torch.bfloat16))
    ]
    for case in cases:
        assert_both(student, *case)
    for x, scale, codes, upstream in fine:
        y = student.FakeQuant.apply(x, scale, *codes)
        due = expected(x, scale, codes, upstream)[0]
        assert_values_match(y, due, dtype=x.dtype, c=0.55, scale=0.0)
    for dtype in dtypes:
        # Each product of an upstream gradient and a bound is infinite in float16, their sum is not.
        codes = (0, -127, 127)
        scale = torch.tensor(0.25, dtype=dtype, device=device)
        x = torch.tensor([100.0, 200.0, 150.0, 12.0625], dtype=dtype, device=device)
        upstream = torch.tensor([800.0, -800.0, 4.0, 2.0], dtype=dtype, device=device)
        assert_both(student, x, scale, codes, upstream)
        # The scale is subnormal in float16, and x / scale infinite there.
        scale = torch.tensor(2.0**-15, dtype=dtype, device=device)
        x = torch.tensor([300.0, -300.0, 2.0**-10], dtype=dtype, device=device)
        assert_both(student, x, scale, codes, upstream[2:].repeat(2)[:3])


@points(1)
def test_backward_answers_for_each_input(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`backward` returns [...] for x, [] for scale, None for the integers, and leaves g alone."""
    # Autograd would cast a gradient of another dtype silently.
    kinds = (((2, 3, 4), torch.float64), ((5,), torch.float16))
    cases = [draw_case(gen, shape, SETTINGS[0], device, dtype) for shape, dtype in kinds]
    for x, scale, codes, upstream in cases:
        original = upstream.clone()
        gradients, kept = call_backward(student, x, scale, codes, upstream)
        due = expected(x, scale, codes, original)
        answer = (*due[1:], None, None, None)
        assert_values_match(
            gradients, answer, dtype=x.dtype, scale=8.0, c=16, what="the answer of `backward`"
        )
        if not torch.equal(kept, original):
            pytest.fail("`backward` changed the upstream gradient in place.")


@points(1)
def test_backward_keeps_x_and_scale_at_most(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Between forward and backward no more bytes are kept than x and scale take."""
    dtypes = (torch.float32, torch.bfloat16)
    cases = [draw_case(gen, (31, 17), SETTINGS[1], device, dtype) for dtype in dtypes]
    for case in cases:
        with watch(student) as seen:
            assert_both(student, *case)
        x = case[0]
        limit = (x.numel() + 1) * x.element_size()
        assert_saves_at_most(seen, limit)
        # Bounds as tensors are forgiven, a mask is not.
        kept = kept_bytes(student, *case[:3])
        if kept > limit + 64:
            pytest.fail(f"{kept} bytes are kept for the backward; x and scale take {limit}.")


@points(2)
def test_both_directions_are_written_by_hand(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`FakeQuant` is a Function whose forward and backward leave autograd and PyTorch's own out."""
    case = draw_case(gen, (3, 4), SETTINGS[0], device, torch.float32)
    with watch(student) as seen:
        assert_both(student, *case)
    assert_allowed(seen)
    graph = watch_graph(student, *case[:3])
    if not graph["function"] or graph["node"] != "FakeQuantBackward":
        pytest.fail("`FakeQuant.apply` does not run a `torch.autograd.Function` of that name.")
    if graph["recorded"]:
        pytest.fail("Autograd recorded inside `FakeQuant`: write the gradient in `backward`.")


@points(1)
def test_any_shape_and_strides(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Empty and 0-dimensional tensors, slices, columns and expanded numbers are all the same."""
    x, scale, codes, upstream = draw_case(gen, (5, 4), SETTINGS[0], device)
    odd = [draw_case(gen, shape, codes, device) for shape in ((), (0,), (3, 0, 2), (1, 1))]
    turned = upstream.reshape(4, 5).T
    for _, layout in strided(x):
        assert_both(student, layout, scale, codes, turned)
        assert_both(student, layout, scale, codes, upstream[:1, :1].expand(5, 4))
    for case in odd:
        assert_both(student, *case)


@points(1)
def test_calls_keep_their_own_inputs(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A second call with other bounds, or a second backward, finds what the first call kept."""
    x, scale, codes, upstream = draw_case(gen, (3, 5), SETTINGS[0], device)
    second, other, more, _ = draw_case(gen, (3, 5), SETTINGS[3], device)
    due = expected(x, scale, codes, upstream)
    y = student.FakeQuant.apply(x.requires_grad_(), scale.requires_grad_(), *codes)
    student.FakeQuant.apply(second.requires_grad_(), other.requires_grad_(), *more)
    if not y.requires_grad:
        pytest.fail("The result is detached: no gradient reaches `x` or `scale`.")
    for _ in range(2):
        found = torch.autograd.grad(y, (x, scale), upstream, retain_graph=True)
        assert_values_match(found, due[1:], scale=16.0, c=64, what="the gradients")


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`apply` returns y in memory of its own, and changes neither x, scale nor global state."""
    dtypes = (torch.float64, torch.float32)
    cases = [draw_case(gen, (4, 3), SETTINGS[0], device, dtype) for dtype in dtypes]
    for x, scale, codes, _ in cases:
        assert_pure(student.FakeQuant.apply, x, scale, *codes)
        assert_forward(student, x, scale, codes)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A scale with axes, a zero-point out of bounds and bounds without room raise a ValueError."""
    x, scale, _, _ = draw_case(gen, (3, 4), SETTINGS[0], device)
    for codes in ((0, 0, 1), (1, 0, 1), (-4, -4, 3), (3, -4, 3)):
        assert_forward(student, x, scale, codes)  # good calls are not refused
    bad: list[tuple[torch.Tensor, Codes, str]] = [
        (scale.expand(1), SETTINGS[0], "a scale of shape (1,)"),
        (scale.expand(3, 4), SETTINGS[0], "a scale of the shape of x"),
        (scale, (8, -8, 7), "a zero-point above `qmax`"),
        (scale, (-9, -8, 7), "a zero-point below `qmin`"),
        (scale, (3, 3, 3), "`qmin` equal to `qmax`"),
        (scale, (0, 7, -8), "`qmin` above `qmax`"),
    ]
    for size, codes, what in bad:
        try:
            student.FakeQuant.apply(x, size, *codes)
        except ValueError:
            continue
        pytest.fail(f"No `ValueError` was raised for {what}.")
