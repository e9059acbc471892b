"""Finite differences against gradients, and against gradients of gradients."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.testing import gradchecks
from dlcourse.testing.gradchecks import assert_gradcheck, assert_gradgradcheck
from dlcourse.testing.mismatch import Mismatch

if TYPE_CHECKING:
    from collections.abc import Callable

GEN = torch.Generator().manual_seed(5)
X = torch.randn(3, 4, generator=GEN, dtype=torch.float64, requires_grad=True)
BETA = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
NAMES = ("x", "beta")


class _Swish(torch.autograd.Function):
    """`x * sigmoid(beta * x)` with a backward that its subclasses get wrong."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, beta)
        return x * torch.sigmoid(beta * x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, beta = ctx.saved_tensors
        s = torch.sigmoid(beta * x)
        slope = s * (1 - s)
        return grads[0] * (s + beta * x * slope), (grads[0] * x * x * slope).sum()


class _LostBeta(_Swish):
    """The chain rule without its inner factor."""

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, beta = ctx.saved_tensors
        s = torch.sigmoid(beta * x)
        return grads[0] * (s + x * s * (1 - s)), (grads[0] * x * x * s * (1 - s)).sum()


class _Once(_Swish):
    """The right gradient from tensors without a graph."""

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            by_x, by_beta = _Swish.backward(ctx, torch.ones_like(grads[0]))
            beta_slope = ctx.saved_tensors[0] ** 2
            s = torch.sigmoid(ctx.saved_tensors[1] * ctx.saved_tensors[0])
        del by_beta
        return grads[0] * by_x, (grads[0] * beta_slope * s * (1 - s)).sum()


class _Leaky(_Swish):
    """A backward that returns something for nothing."""

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        by_x, by_beta = _Swish.backward(ctx, *grads)
        return by_x + 1e-10, by_beta


class _ConstantAfterwards:
    """The right value at first, and ever after the same one, whose derivative is zero."""

    def __init__(self) -> None:
        self._kept: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        if self._kept is None:
            self._kept = (x * torch.sigmoid(beta * x)).detach()
        return self._kept + 0 * x


class _Square(torch.autograd.Function):
    """`x * x` with a backward that the upstream gradient passes without its graph."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        x: torch.Tensor = ctx.saved_tensors[0]
        return 2 * x * grads[0].detach()


class _Double(torch.autograd.Function):
    """`2 * x` with a backward without any graph."""

    @staticmethod
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @staticmethod
    def backward(_: Any, *grads: torch.Tensor) -> torch.Tensor:
        return grads[0].detach() * 2


class _Forgetful(_Swish):
    """A backward that counts its calls."""

    calls = 0
    drift = 1e-9

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        _Forgetful.calls += 1
        by_x, by_beta = _Swish.backward(ctx, *grads)
        return by_x * (1 + _Forgetful.drift * _Forgetful.calls), by_beta


swish: Callable[..., torch.Tensor] = _Swish.apply
lost_beta: Callable[..., torch.Tensor] = _LostBeta.apply
once: Callable[..., torch.Tensor] = _Once.apply


def refused(check: Callable[..., None], f: Callable[..., Any], **options: Any) -> str:
    """Return the sentence with which a check of `f(x, beta)` fails."""
    with pytest.raises(Mismatch) as caught:
        check(f, (X, BETA), names=NAMES, **options)
    return str(caught.value)


def test_right_gradients_pass_both_checks() -> None:
    """A right Function that can be differentiated twice is accepted."""
    assert_gradcheck(swish, (X, BETA))
    assert_gradgradcheck(swish, (X, BETA))


def test_a_wrong_gradient_names_the_input() -> None:
    """Only the input whose gradient is wrong is named."""
    assert refused(assert_gradcheck, lost_beta) == (
        "The gradient of `x` is not the derivative of the result with respect to it."
    )


def test_inputs_that_require_no_gradient_are_passed_over() -> None:
    """The name in the sentence is that of the wrong input, wherever it stands."""

    def wrong(_: int, x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        return x * beta.detach() + 0 * beta

    with pytest.raises(Mismatch, match="The gradient of `beta` is not"):
        assert_gradcheck(wrong, (1, X.detach(), BETA), names=("n", "x", "beta"))
    with pytest.raises(Mismatch, match="again with respect to `x`"):
        assert_gradgradcheck(
            lambda _, x, beta: once(x, beta), (1, X, BETA.detach()), names=("n", *NAMES)
        )


def test_a_small_error_in_one_element_is_caught() -> None:
    """One part in ten thousand in one element of the Jacobian is too much."""

    def nearly(x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        leak = torch.zeros_like(x)
        leak[1, 2] = 1e-4
        return swish(x, beta) + leak * (x - x.detach())

    assert refused(assert_gradcheck, nearly).startswith("The gradient of `x` is not the derivative")


def test_a_result_without_graph_is_detached() -> None:
    """Values that change with the inputs and carry no graph are detached."""
    sentence = "The loss is detached from its inputs: no gradient reaches them."

    def detached(x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        return (x * beta).detach()

    assert refused(assert_gradcheck, detached, what="the loss") == sentence
    assert refused(assert_gradgradcheck, detached, what="the loss") == sentence


def test_a_backward_that_returns_something_for_nothing_is_told() -> None:
    """With zeros upstream nothing may come back, not even less than the tolerance."""
    assert refused(assert_gradcheck, _Leaky.apply) == (
        "The gradient is not zero where the upstream gradient is: multiply by it."
    )


def test_a_backward_that_changes_between_calls_is_told() -> None:
    """Two runs of one backward must agree, however small the difference."""
    assert refused(assert_gradcheck, _Forgetful.apply) == (
        "A second backward through the same graph gives another gradient."
    )


def test_a_backward_may_add_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs on a GPU differ by roundings, which is no change."""
    monkeypatch.setattr(_Forgetful, "drift", 1e-15)
    assert_gradcheck(_Forgetful.apply, (X, BETA))


def test_a_gradient_without_graph_is_caught_by_the_second_check_only() -> None:
    """A backward that is right and not differentiable passes once and fails twice."""
    assert_gradcheck(once, (X, BETA))
    sentence = refused(assert_gradgradcheck, once)
    assert sentence == "The gradient, differentiated again with respect to `x`, is wrong."


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (_Square, "The gradient is not linear in the upstream gradient, or is detached from it."),
        (_Double, "The gradient is detached: it cannot be differentiated again."),
    ],
)
def test_an_upstream_gradient_without_its_graph_is_told(
    function: type[torch.autograd.Function], sentence: str
) -> None:
    """The second derivative also runs through the upstream gradient."""
    assert_gradcheck(function.apply, (X,))
    with pytest.raises(Mismatch) as caught:
        assert_gradgradcheck(function.apply, (X,))
    assert str(caught.value) == sentence


def test_an_unlucky_direction_costs_nobody_a_point() -> None:
    """Tolerable errors that add up along the random direction are forgiven element by element."""
    signs = torch.tensor([1.0, -1.0] * 5, dtype=torch.float64)

    def nearly(x: torch.Tensor) -> torch.Tensor:
        return (x * signs).sum() + 8e-4 * (x - x.detach()).sum()

    x = torch.ones(10, dtype=torch.float64, requires_grad=True)
    assert_gradcheck(nearly, (x,), rtol=1e-3)
    with pytest.raises(Mismatch):
        assert_gradcheck(nearly, (x,), rtol=7e-4)


def test_a_right_function_is_called_only_a_few_times() -> None:
    """The price of a check does not grow with the number of elements."""
    calls: list[int] = []

    def counting(x: torch.Tensor) -> torch.Tensor:
        calls.append(x.numel())
        return x.sin()

    large = torch.randn(50, generator=GEN, dtype=torch.float64, requires_grad=True)
    assert_gradcheck(counting, (large,))
    assert len(calls) == 3


def test_every_tensor_of_the_result_is_checked() -> None:
    """Results in containers are checked tensor by tensor."""
    assert_gradcheck(lambda x, b: {"a": [x * b], "b": b.exp()}, (X, BETA))
    assert_gradgradcheck(lambda x, b: [x * b, b.exp()], (X, BETA))
    refused(assert_gradcheck, lambda x, b: [x * b, lost_beta(x, b)])


def test_other_values_pass_through() -> None:
    """Numbers among the inputs reach the function as they are."""
    assert_gradcheck(lambda x, power: x.abs() ** power, (X, 3))


def test_complex_inputs_are_checked() -> None:
    """Complex numbers in double precision have their own derivatives, also checked."""
    z = torch.randn(3, generator=GEN, dtype=torch.complex128, requires_grad=True)
    assert_gradcheck(lambda value: (value * value.conj()).real, (z,))


@pytest.mark.parametrize("check", [assert_gradcheck, assert_gradgradcheck])
def test_single_precision_is_the_suites_fault(check: Callable[..., None]) -> None:
    """Finite differences mean nothing in float32, nor without an input to differentiate by."""
    for value in (X.detach().float().requires_grad_(), X.detach()):
        with pytest.raises(ValueError, match="float64 inputs"):
            check(torch.exp, (value,))


@pytest.mark.parametrize("check", [assert_gradcheck, assert_gradgradcheck])
def test_nothing_is_drawn_from_the_global_generator(check: Callable[..., None]) -> None:
    """The same check of the same inputs sees the same numbers, and leaves no trace."""
    seen: list[list[torch.Tensor]] = []
    before = torch.get_rng_state()
    for _ in range(2):
        upstream: list[torch.Tensor] = []

        class Spy(torch.autograd.Function):
            @staticmethod
            def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
                return x.clone()

            @staticmethod
            def backward(_: Any, *grads: torch.Tensor) -> torch.Tensor:
                upstream.append(grads[0].detach().clone())  # noqa: B023  (used within its turn)
                return grads[0].clone()

        check(Spy.apply, (X,))
        seen.append(upstream)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(seen[0]) == len(seen[1]) > 0
    assert all(torch.equal(first, second) for first, second in zip(*seen, strict=True))


def test_the_inputs_stay_as_they_were() -> None:
    """Finite differences are taken on replicas."""
    before = X.detach().clone()

    def vandal(x: torch.Tensor) -> torch.Tensor:
        answer = x * x
        x.data.add_(0.0).abs_()
        return answer

    for check in (assert_gradcheck, assert_gradgradcheck):
        with contextlib.suppress(Mismatch):
            check(vandal, (X,))
    assert torch.equal(X, before)
    assert X.grad is None


def test_no_number_of_the_jacobian_is_told() -> None:
    """Torch's complaint is full of digits; the learner's sentence has none."""
    told = refused(assert_gradcheck, lost_beta) + refused(assert_gradgradcheck, once)
    assert not any(letter.isdigit() for letter in told)


def test_a_complaint_of_another_kind_is_still_a_sentence() -> None:
    """A future torch may complain in new words; the learner reads what is sure."""
    assert gradchecks._first_order("new words", ("`x`",), "the loss") == (
        "The gradient is not the derivative of the loss."
    )
    assert gradchecks._second_order("new words", ("`x`",)) == (
        "The gradient, differentiated again, is wrong."
    )


def test_faults_of_graded_code_pass_through() -> None:
    """An exception of the function itself is an error, not a mismatch."""

    def broken(_: torch.Tensor) -> torch.Tensor:
        raise LookupError

    with pytest.raises(LookupError):
        assert_gradcheck(broken, (X,))


@pytest.mark.parametrize("assert_claim", [assert_gradcheck, assert_gradgradcheck])
def test_a_reference_shows_a_constant(assert_claim: Callable[..., None]) -> None:
    """A constant agrees with its own derivative, so values are compared near the inputs too."""
    assert_gradcheck(_ConstantAfterwards(), (X, BETA))
    with pytest.raises(Mismatch, match="differs at"):
        assert_claim(_ConstantAfterwards(), (X, BETA), reference=swish)
    assert_claim(_Swish.apply, (X, BETA), reference=swish)
