"""The hidden suite of `swish_function`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_gradcheck,
    assert_gradgradcheck,
    assert_gradients_match,
    assert_pure,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    strided,
)

NAMES = ("x", "beta")
OUTCOMES = ("the result", "the gradient of `x`", "the gradient of `beta`")
SECOND = (
    "the gradient of `x`, differentiated by `x`",
    "the gradient of `x`, differentiated by `beta`",
    "the gradient of `beta`, differentiated by `x`",
    "the gradient of `beta`, differentiated by `beta`",
)
BETAS = (1.75, -0.625, 0.0)


def draw(
    gen: torch.Generator, shape: tuple[int, ...], device: torch.device, scale: float = 1.0
) -> torch.Tensor:
    """Draw a normal tensor in float64."""
    return (scale * torch.randn(shape, generator=gen, dtype=torch.float64)).to(device)


def slope(beta: float, device: torch.device, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Return a beta, [], that begins in the middle of its memory."""
    return torch.tensor([9.0, beta, 9.0], dtype=dtype, device=device)[1]


def far(largest: float, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return both signs of small, ordinary and large numbers.

    None gives a z near 10, where 1 - sigmoid(z) keeps few digits: sigmoid(-z) is better there,
    but not required.
    """
    sizes = torch.tensor([1e-3, 1.0, 100.0, largest], dtype=dtype, device=device)
    return torch.cat([-sizes, torch.zeros_like(sizes[:1]), sizes])


def expected_swish(x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    """Return Swish as one quotient, in float64, for autograd to differentiate at ordinary z."""
    return x.double() / (1 + torch.exp(-beta.double() * x.double()))


def expected_first(
    x: torch.Tensor, beta: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return y, dy/dx and dy/dbeta in float64, each of the shape of x, right at every z."""
    x, beta = x.detach().double(), beta.detach().double()
    z = beta * x
    bell = 1 / (torch.exp(z) + 2 + torch.exp(-z))
    y = x / (1 + torch.exp(-z))
    return y, 1 / (1 + torch.exp(-z)) + z * bell, x.square() * bell


def expected_second(
    x: torch.Tensor, beta: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return d2y/dx2, d2y/dx dbeta and d2y/dbeta2 in float64, each of the shape of x."""
    x, beta = x.detach().double(), beta.detach().double()
    z = beta * x
    bell = 1 / (torch.exp(z) + 2 + torch.exp(-z))
    lean = -torch.tanh(z / 2)  # the second derivative of the sigmoid is bell * lean
    return beta * bell * (2 + z * lean), x * bell * (2 + z * lean), x.pow(3) * bell * lean


def differentiate(
    y: torch.Tensor, inputs: tuple[torch.Tensor, ...], upstream: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Return the gradients for the inputs, with the graph that leads on from them."""
    if not y.requires_grad:
        pytest.fail("What should be differentiated is detached: it carries no graph.")
    gradients = torch.autograd.grad(y, inputs, upstream, create_graph=True, allow_unused=True)
    if all(gradient is None for gradient in gradients):
        pytest.fail("What should be differentiated depends on no input: its graph leads nowhere.")
    if any(gradient is None for gradient in gradients):
        pytest.fail("What should be differentiated does not depend on every input: it lost a path.")
    return gradients


def assert_value(student: Student, x: torch.Tensor, beta: torch.Tensor) -> None:
    """Assert that the result is right, in the dtype of x."""
    y = student.Swish.apply(x, beta)
    # A small element may come of the difference of two ordinary ones.
    assert_values_match(y, expected_swish(x, beta).detach(), scale=1.0, c=16, dtype=x.dtype)


def assert_first_derivatives(
    student: Student,
    x: torch.Tensor,
    beta: torch.Tensor,
    upstream: torch.Tensor,
    scale: float = 1.0,
) -> None:
    """Assert that value and gradients are the expected ones at any z, in the dtype of x."""
    x, beta = x.detach().requires_grad_(), beta.detach().requires_grad_()
    y = student.Swish.apply(x, beta)
    found = differentiate(y, (x, beta), upstream)
    value, by_x, by_beta = expected_first(x, beta)
    wide = upstream.double()
    due = (value, wide * by_x, (wide * by_beta).sum())
    for actual, right, what in zip((y, *found), due, OUTCOMES, strict=True):
        # Next to a slope of one, the rounding errors of a vanishing one are as large.
        assert_values_match(actual, right, dtype=x.dtype, scale=scale, c=16, what=what)


def assert_second_derivatives(
    student: Student,
    x: torch.Tensor,
    beta: torch.Tensor,
    upstream: torch.Tensor,
    weight: torch.Tensor,
    scale: float,
) -> None:
    """Assert that both gradients, each differentiated on its own, have the right gradients.

    A backward pass that needs no graph comes first: it must not spoil the one that does.
    `scale` is the size of the terms that may cancel on the way there.
    """
    x, beta = x.detach().requires_grad_(), beta.detach().requires_grad_()
    y = student.Swish.apply(x, beta)
    if y.requires_grad:
        torch.autograd.grad(y, (x, beta), upstream, retain_graph=True, allow_unused=True)
    by_x, by_beta = differentiate(y, (x, beta), upstream)
    found = (
        *differentiate(by_x, (x, beta), weight),
        *differentiate(by_beta, (x, beta), torch.ones_like(beta)),
    )
    xx, mixed, twice_beta = expected_second(x, beta)
    wide, weighted = upstream.double(), (upstream * weight).double()
    due = (weighted * xx, (weighted * mixed).sum(), wide * mixed, (wide * twice_beta).sum())
    for actual, right, what in zip(found, due, SECOND, strict=True):
        assert_values_match(actual, right, dtype=x.dtype, scale=scale, c=64, what=what)


@in_worker
def call_backward(
    student: Any, x: torch.Tensor, beta: torch.Tensor, upstream: torch.Tensor
) -> tuple[Any, torch.Tensor, bool]:
    """Call backward as autograd does, and take its answer before autograd reshapes it.

    Also return the upstream gradient, and whether global state is as it was.
    """
    y = student.Swish.apply(x.clone().requires_grad_(), beta.clone().requires_grad_())
    before = (torch.get_rng_state(), torch.get_default_dtype())
    with torch.no_grad():
        gradients = student.Swish.backward(y.grad_fn, upstream)
    untouched = bool((before[0] == torch.get_rng_state()).all())
    return gradients, upstream, untouched and before[1] == torch.get_default_dtype()


@in_worker
def edit_result(student: Any, x: torch.Tensor, beta: torch.Tensor) -> bool:
    """Say whether a result, which is no view of x, may be edited in place."""
    y = student.Swish.apply(x.clone().requires_grad_(), beta)
    try:
        y.add_(1)
    except NotImplementedError:
        raise
    except RuntimeError:
        return False
    return True


@in_worker
def raises_after_edit(student: Any, x: torch.Tensor, beta: torch.Tensor, edited: str) -> bool:
    """Say whether backward raises once the named input was changed in place after forward."""
    leaves = (x.clone().requires_grad_(), beta.clone().requires_grad_())
    inputs = {"x": leaves[0] * 1, "beta": leaves[1] * 1}  # no leaves: these may be edited
    y = student.Swish.apply(inputs["x"], inputs["beta"])
    if edited in inputs:
        inputs[edited].mul_(2)
    try:
        torch.autograd.grad(y.sum(), leaves)
    except NotImplementedError:
        raise
    except RuntimeError:
        return True
    return False


@in_worker
def is_function(student: Any) -> bool:
    """Say whether `Swish` is what the exercise asks for."""
    kind = student.Swish
    return isinstance(kind, type) and issubclass(kind, torch.autograd.Function)


@in_worker
def watch_operations(student: Any, x: torch.Tensor, beta: torch.Tensor) -> dict[str, Any]:
    """Describe the graph behind a result, and what forward and backward call."""
    seen: list[tuple[str, bool]] = []

    class Recorder(torch.overrides.TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append((func.__name__, torch.is_grad_enabled()))
            return func(*args, **(kwargs or {}))

    kind = student.Swish
    x, beta = x.clone().requires_grad_(), beta.clone().requires_grad_()
    upstream = torch.ones_like(x)
    with Recorder():
        y = kind.apply(x, beta)
    node = y.grad_fn
    gradients: tuple[Any, ...] = ()
    if type(node).__name__ == "SwishBackward":
        with torch.no_grad(), Recorder():
            gradients = kind.backward(node, upstream)
    return {
        "node": type(node).__name__,
        "blank": all(gradient is None or not gradient.any() for gradient in gradients),
        "calls": sorted({name for name, _ in seen}),
        "recorded": sorted({name for name, recorded in seen if recorded}),
    }


@points(1)
def test_value_is_x_times_a_sigmoid(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result is x * sigmoid(beta * x), for a positive, a negative and a zero beta."""
    shapes = [*odd_shapes(gen, 3), *odd_shapes(gen, 1), (4, 3), (4, 3), (4, 3)]
    inputs = [draw(gen, shape, device, 2.0) for shape in shapes]
    for x, beta in zip(inputs, BETAS * 3, strict=True):
        for dtype in (torch.float64, torch.float32):
            assert_value(student, x.to(dtype), slope(beta, device, dtype))


@points(2)
def test_gradient_of_x_is_the_derivative(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradient of x holds both paths from x to y, when x alone requires one."""
    shapes = odd_shapes(gen, 2)
    inputs = [draw(gen, shape, device, 2.0).requires_grad_() for shape in shapes]
    upstreams = [draw(gen, shape, device) for shape in shapes]
    for x, beta, upstream in zip(inputs, BETAS, upstreams, strict=True):
        arguments = (x, slope(beta, device))
        assert_gradients_match(
            student.Swish.apply, expected_swish, arguments, upstream, names=NAMES
        )


@points(2)
def test_gradient_of_beta_is_a_sum(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradient of beta sums over every element of x, when beta alone requires one."""
    shapes = odd_shapes(gen, 2)
    inputs = [draw(gen, shape, device, 2.0) for shape in shapes]
    upstreams = [draw(gen, shape, device) for shape in shapes]
    for x, beta, upstream in zip(inputs, BETAS, upstreams, strict=True):
        arguments = (x, slope(beta, device).requires_grad_())
        # The terms of the sum are of order one, and may cancel.
        assert_gradients_match(
            student.Swish.apply,
            expected_swish,
            arguments,
            upstream,
            reduction=x.numel(),
            scale=1.0,
            names=NAMES,
        )


@points(1)
def test_backward_returns_gradients_in_the_shapes_of_the_inputs(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`backward` itself returns [...] for x and [] for beta, and leaves the upstream alone."""
    cases = [
        (draw(gen, shape, device, 2.0), draw(gen, shape, device)) for shape in ((2, 3, 4), (5,))
    ]
    beta = slope(1.25, device)
    for x, upstream in cases:
        original = upstream.clone()
        gradients, kept, untouched = call_backward(student, x, beta, upstream)
        _, by_x, by_beta = expected_first(x, beta)
        due = (original * by_x, (original * by_beta).sum())
        assert_values_match(gradients, due, scale=1.0, c=64, what="the answer of `backward`")
        if not torch.equal(kept, original):
            pytest.fail("`backward` changed the upstream gradient in place.")
        if not untouched:
            pytest.fail("`backward` changed the global random state or the default dtype.")


@points(1)
def test_gradients_agree_with_finite_differences(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradients of x and beta together are the slopes that finite differences see."""
    x = draw(gen, (2, 3), device).requires_grad_()
    beta = slope(1.5, device).requires_grad_()
    assert_value(student, x, beta)
    assert_gradcheck(student.Swish.apply, (x, beta), names=NAMES, reference=expected_swish)


@points(1)
def test_backward_can_be_differentiated(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradients carry a graph, and finite differences confirm what it leads to."""
    x, upstream = draw(gen, (3,), device).requires_grad_(), draw(gen, (3,), device)
    beta = slope(1.5, device).requires_grad_()
    assert_first_derivatives(student, x, beta, upstream)
    assert_gradgradcheck(student.Swish.apply, (x, beta), names=NAMES, reference=expected_swish)


@points(2)
def test_second_derivatives_are_right(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Each gradient, differentiated again by x and by beta, gives the second derivatives."""
    x, upstream, weight = (draw(gen, (4, 3), device) for _ in range(3))
    for value in (1.25, 0.0):
        beta = slope(value, device)
        assert_second_derivatives(student, 2 * x, beta, upstream, weight, scale=10.0)
        assert_second_derivatives(student, 2 * x.T, beta, upstream.T, weight.T, scale=10.0)


@points(2)
def test_large_inputs_stay_finite(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """At |x| = 10,000 in float32 value, gradients and second derivatives are right, not NaN."""
    x = far(1e4, device, torch.float32)
    upstream = (0.5 + torch.rand(x.shape, generator=gen)).to(device)
    weight = (0.5 + torch.rand(x.shape, generator=gen)).to(device)
    for value in (1.0, -0.5):
        beta = slope(value, device, torch.float32)
        assert_first_derivatives(student, x, beta, upstream)
        # In beta * y + s * (1 - beta * y), a formula as good as any, terms as large as x cancel.
        assert_second_derivatives(student, x, beta, upstream, weight, scale=1e4)


@points(1)
def test_half_precision_does_not_overflow(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result and both gradients follow the dtype of the inputs and are right at |x| = 300."""
    ordinary = draw(gen, (7,), device)
    upstream = (0.5 + torch.rand(16, generator=gen)).to(device)
    for dtype in (torch.float16, torch.bfloat16):
        x = torch.cat([far(300.0, device, dtype), ordinary.to(dtype)])
        for value in (1.0, -0.5):
            beta = slope(value, device, dtype)
            assert_first_derivatives(student, x, beta, upstream.to(dtype))
            # A loss that is scaled up sends large gradients back.
            large = 1024 * upstream.to(dtype)
            assert_first_derivatives(student, x, beta, large, scale=1024.0)


@points(1)
def test_edit_before_backward_raises(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`backward` raises if x or beta was changed in place since `forward`, and only then."""
    x, beta = draw(gen, (3, 2), device), slope(1.5, device)
    assert_value(student, x, beta)
    if raises_after_edit(student, x, beta, "nothing"):
        pytest.fail("`backward` raises although neither x nor beta was changed.")
    for layout, name in ((x, "x"), (x.T, "x"), (x, "beta")):
        if not raises_after_edit(student, layout, beta, name):
            pytest.fail(f"`{name}` was changed in place before `backward`, and nothing raised.")


@points(3)
def test_backward_is_written_by_hand(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`Swish` is a Function whose `backward` holds the derivative: no SiLU, no autograd inside."""
    # SiLU is Swish at beta = 1.
    x, beta = draw(gen, (3, 2), device), slope(1.0, device)
    if not is_function(student):
        pytest.fail("`Swish` is no subclass of `torch.autograd.Function`.")
    assert_value(student, x, beta)
    seen = watch_operations(student, x, beta)
    if seen["node"] != "SwishBackward":
        pytest.fail("`Swish.apply` does not run a `torch.autograd.Function` of that name.")
    if any("silu" in name.lower() for name in seen["calls"]):
        pytest.fail("SiLU was called: write the result with a sigmoid.")
    if seen["recorded"] or {"grad", "backward"} & set(seen["calls"]):
        pytest.fail("Autograd differentiated `forward`: write the derivative in `backward`.")
    if seen["blank"]:
        pytest.fail("`backward` returns no gradient but zeros.")


@points(1)
def test_calls_keep_their_own_inputs(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A second call, or a second backward through the first, finds what the first one saved."""
    first, second, upstream = (draw(gen, (2, 5), device) for _ in range(3))
    inputs = (first.requires_grad_(), slope(1.5, device).requires_grad_())
    y = student.Swish.apply(*inputs)
    student.Swish.apply(second.requires_grad_(), slope(-0.5, device).requires_grad_())
    _, by_x, by_beta = expected_first(*inputs)
    due = (upstream * by_x, (upstream * by_beta).sum())
    for _ in range(2):
        found = differentiate(y, inputs, upstream)
        assert_values_match(found, due, scale=1.0, c=64, what="the gradients")


@points(1)
def test_any_shape_and_strides(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Empty and 0-dimensional tensors, slices, columns and expanded numbers are all the same."""
    inputs = [draw(gen, shape, device) for shape in ((3, 4, 5), (4, 3))]
    upstreams = [draw(gen, x.shape[::-1], device) for x in inputs]
    number = draw(gen, (), device)
    beta = slope(1.5, device)
    for x, upstream in zip(inputs, upstreams, strict=True):
        turned = upstream.permute(*reversed(range(x.dim())))
        for _, layout in strided(x):
            assert_first_derivatives(student, layout, beta, turned)
            assert_first_derivatives(student, layout, beta, number.expand(x.shape))
        # One gradient for each row, as a sum over the last axis sends it back.
        assert_first_derivatives(student, x, beta, turned[..., :1].expand(x.shape))
    for shape in ((), (0,), (3, 0, 2), (1, 1)):
        odd = torch.full(shape, 0.5, dtype=torch.float64, device=device) * number
        assert_first_derivatives(student, odd, beta, torch.full_like(odd, 0.75))


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`apply` returns y in memory of its own, and changes neither x, beta nor global state."""
    x = draw(gen, (4, 3), device)
    for dtype in (torch.float64, torch.float32):
        arguments = (x.to(dtype), slope(1.5, device, dtype))
        assert_pure(student.Swish.apply, *arguments)
        assert_value(student, *arguments)
    if not edit_result(student, x[:0], slope(1.5, device)):
        pytest.fail("The result for an empty `x` is `x` itself, not a tensor of its own.")
