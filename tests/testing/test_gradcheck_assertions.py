"""Finite differences against gradients, and against gradients of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from dlcourse.testing.gradchecks import assert_gradcheck, assert_gradgradcheck
from dlcourse.testing.mismatch import Mismatch

GEN = torch.Generator().manual_seed(5)
X = torch.randn(3, 4, generator=GEN, dtype=torch.float64, requires_grad=True)
BETA = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
NAMES = ("x", "beta")


class Swish(torch.autograd.Function):
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


class LostBeta(Swish):
    """The chain rule without its inner factor."""

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, beta = ctx.saved_tensors
        s = torch.sigmoid(beta * x)
        return grads[0] * (s + x * s * (1 - s)), (grads[0] * x * x * s * (1 - s)).sum()


class Once(Swish):
    """The right gradient from tensors without a graph."""

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            by_x, by_beta = Swish.backward(ctx, torch.ones_like(grads[0]))
            beta_slope = ctx.saved_tensors[0] ** 2
            s = torch.sigmoid(ctx.saved_tensors[1] * ctx.saved_tensors[0])
        del by_beta
        return grads[0] * by_x, (grads[0] * beta_slope * s * (1 - s)).sum()


class NoUpstream(Swish):
    """A backward that forgets the upstream gradient."""

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return Swish.backward(ctx, torch.ones_like(grads[0]))


class Forgetful(Swish):
    """A backward that counts its calls."""

    calls = 0

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        Forgetful.calls += 1
        by_x, by_beta = Swish.backward(ctx, *grads)
        return by_x * (1 + 1e-9 * Forgetful.calls), by_beta


def refused(check: Callable[..., None], f: Callable[..., Any], **options: Any) -> str:
    """Return the sentence with which a check of `f(x, beta)` fails."""
    with pytest.raises(Mismatch) as caught:
        check(f, (X, BETA), names=NAMES, **options)
    return str(caught.value)


def test_right_gradients_pass_both_checks() -> None:
    """A right Function that can be differentiated twice is accepted."""
    assert_gradcheck(Swish.apply, (X, BETA))
    assert_gradgradcheck(Swish.apply, (X, BETA))


def test_a_wrong_gradient_names_the_input() -> None:
    """Only the input whose gradient is wrong is named."""
    assert refused(assert_gradcheck, LostBeta.apply) == (
        "The gradient of `x` is not the derivative of the result with respect to it."
    )


def test_a_small_error_in_one_element_is_caught() -> None:
    """One part in ten thousand in one element of the Jacobian is too much."""

    def nearly(x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        leak = torch.zeros_like(x)
        leak[1, 2] = 1e-4
        return Swish.apply(x, beta) + leak * (x - x.detach())

    assert refused(assert_gradcheck, nearly).startswith("The gradient of `x` is not the derivative")


def test_a_result_without_graph_is_detached() -> None:
    """Values that change with the inputs and carry no graph are detached."""
    sentence = "The loss is detached from its inputs: no gradient reaches them."

    def detached(x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        return (x * beta).detach()

    assert refused(assert_gradcheck, detached, what="the loss") == sentence
    assert refused(assert_gradgradcheck, detached, what="the loss") == sentence


def test_a_backward_that_ignores_the_upstream_gradient_is_told() -> None:
    """With zeros upstream nothing may come back."""
    assert refused(assert_gradcheck, NoUpstream.apply) in {
        "The gradient is not zero where the upstream gradient is: multiply by it.",
        "The gradient of `x` is not the derivative of the result with respect to it.",
    }


def test_a_backward_that_changes_between_calls_is_told() -> None:
    """Two runs of one backward must agree, however small the difference."""
    assert refused(assert_gradcheck, Forgetful.apply) == (
        "A second backward through the same graph gives another gradient."
    )


def test_a_gradient_without_graph_is_caught_by_the_second_check_only() -> None:
    """A backward that is right and not differentiable passes once and fails twice."""
    assert_gradcheck(Once.apply, (X, BETA))
    sentence = refused(assert_gradgradcheck, Once.apply)
    assert sentence == "The gradient, differentiated again with respect to `x`, is wrong."


def test_every_tensor_of_the_result_is_checked() -> None:
    """Results in containers are checked tensor by tensor."""
    assert_gradcheck(lambda x, b: {"a": [x * b], "b": b.exp()}, (X, BETA))
    assert_gradgradcheck(lambda x, b: [x * b, b.exp()], (X, BETA))
    refused(assert_gradcheck, lambda x, b: [x * b, LostBeta.apply(x, b)])


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
    assert_gradcheck(lambda x: (x.data.mul_(1.0), x.exp())[1], (X,))
    assert torch.equal(X, before)
    assert X.grad is None


def test_no_number_of_the_jacobian_is_told() -> None:
    """Torch's complaint is full of digits; the learner's sentence has none."""
    for check in (assert_gradcheck, assert_gradgradcheck):
        assert not any(letter.isdigit() for letter in refused(check, LostBeta.apply))


def test_faults_of_graded_code_pass_through() -> None:
    """An exception of the function itself is an error, not a mismatch."""

    def broken(_: torch.Tensor) -> torch.Tensor:
        raise LookupError

    with pytest.raises(LookupError):
        assert_gradcheck(broken, (X,))
