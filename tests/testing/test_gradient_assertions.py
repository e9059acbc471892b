"""Gradients under a random upstream: missing, wrong, and where they must or must not flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.testing.gradients import (
    assert_gradients_match,
    assert_nonzero_gradient,
    assert_zero_gradient,
)
from dlcourse.testing.mismatch import Mismatch

if TYPE_CHECKING:
    from collections.abc import Callable

GEN = torch.Generator().manual_seed(3)
X = torch.randn(3, 5, generator=GEN, dtype=torch.float64, requires_grad=True)
W = torch.randn(5, generator=GEN, dtype=torch.float64, requires_grad=True)
UP = torch.randn(3, 5, generator=GEN, dtype=torch.float64)
NAMES = ("x", "w")


def scaled(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Return the function that the tests below get wrong in many ways."""
    return x.tanh() * w


def refused(check: Callable[..., None], *args: Any, **options: Any) -> str:
    """Return the sentences with which a check fails."""
    with pytest.raises(Mismatch) as caught:
        check(*args, **options)
    return str(caught.value)


def refused_gradient(f: Callable[..., Any]) -> str:
    """Return what is said of a function in the place of `scaled`."""
    return refused(assert_gradients_match, f, scaled, (X, W), UP, names=NAMES)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_right_gradient_matches_in_every_dtype(dtype: torch.dtype) -> None:
    """Another formula of the same function has the same gradients within rounding."""
    inputs = tuple(value.detach().to(dtype).requires_grad_() for value in (X, W))
    assert_gradients_match(
        lambda x, w: w * (1 - 2 / ((2 * x).exp() + 1)), scaled, inputs, UP.to(dtype), reduction=3
    )


def test_a_detached_result_names_the_input() -> None:
    """No gradient reaches an input from which the result is cut off."""
    assert refused_gradient(lambda x, w: scaled(x.detach(), w)) == (
        "The result is detached from `x`: no gradient reaches it."
    )
    assert refused_gradient(lambda x, w: scaled(x, w).detach()) == (
        "The result is detached from `x`: no gradient reaches it."
    )
    assert refused_gradient(lambda x, w: scaled(x, w.detach())) == (
        "The result is detached from `w`: no gradient reaches it."
    )


def test_a_wrong_gradient_is_diagnosed_under_its_inputs_name() -> None:
    """The sentences speak of the gradient of the input that got it wrong."""
    flipped = refused_gradient(lambda x, w: scaled(2 * x.detach() - x, w))
    assert "The gradient of `x` differs at 15 of 15 elements" in flipped
    assert flipped.endswith("Every element is -1 times what it should be: the sign is flipped.")
    assert "The gradient of `w`" in refused_gradient(
        lambda x, w: x.tanh() * (w.detach() + 0.5 * (w - w.detach()))
    )


def test_unnamed_inputs_are_known_by_their_place() -> None:
    """Without names the sentence counts inputs from 0."""
    sentence = refused(assert_gradients_match, lambda x, w: x * w.detach(), scaled, (X, W), UP)
    assert "The gradient of input 0 differs" in sentence


def test_ones_upstream_would_hide_what_a_random_one_shows() -> None:
    """A backward that returns zeros is right for the sum of a softmax, and wrong otherwise."""

    def zeros(x: torch.Tensor) -> torch.Tensor:
        return x.softmax(-1).detach() + 0 * x

    assert_gradients_match(zeros, lambda x: x.softmax(-1), (X,), torch.ones_like(UP), scale=1.0)
    refused(assert_gradients_match, zeros, lambda x: x.softmax(-1), (X,), UP)


def test_a_missing_gradient_counts_as_zero() -> None:
    """No path and a path of exact zeros are the same gradient, whichever side has which."""
    assert_gradients_match(lambda x, w: x + 0 * w, lambda x, w: x + w.detach() * 0, (X, W), UP)
    assert_gradients_match(lambda x, _: x.clone(), lambda x, w: x + 0 * w, (X, W), UP)
    assert_gradients_match(lambda x, _: x.clone(), lambda x, _: x * 1, (X, W), UP)


def test_a_gradient_where_the_reference_has_none_is_refused() -> None:
    """What the reference holds constant must be constant."""
    sentence = refused(
        assert_gradients_match, scaled, lambda x, w: scaled(x, w.detach()), (X, W), UP, names=NAMES
    )
    assert sentence == "A gradient reaches `w`, which must get none."


def test_nan_in_a_gradient_is_told() -> None:
    """The square root of zero has a gradient that shows."""
    zero = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    upstream = torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64)
    sentence = refused(
        assert_gradients_match, lambda x: (x * x).sqrt(), lambda x: x * 1.0, (zero,), upstream
    )
    assert "is NaN at 3 of 3 elements" in sentence


def test_a_reference_may_compute_in_another_precision() -> None:
    """The upstream gradient follows the dtype of each result."""
    x = X.detach().float().requires_grad_()
    assert_gradients_match(torch.tanh, lambda value: value.double().tanh(), (x,), UP)


def test_the_terms_of_a_comparison_reach_the_gradient() -> None:
    """Reduction, roundings and scale widen the bound, and named lengths are looked for."""

    def off(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: (x * factor).detach() + x * factor - (x * factor).detach()

    sentence = refused(
        assert_gradients_match, off(11.0), torch.clone, (X,), UP, named_axes={"D": 11}
    )
    assert sentence.endswith("(N is 11, D).")
    slightly = 1 + 1e-12
    refused(assert_gradients_match, off(slightly), torch.clone, (X,), UP)
    for wider in ({"reduction": 10_000}, {"c": 1e4}, {"scale": 1e3}):
        assert_gradients_match(off(slightly), torch.clone, (X,), UP, **wider)


def test_several_outputs_get_one_upstream_each() -> None:
    """Tensors of a nested result are paired with upstream gradients depth-first."""
    upstream = (UP, torch.tensor(0.7, dtype=torch.float64))
    assert_gradients_match(
        lambda x: {"a": [x.exp()], "b": x.sum()}, lambda x: (x.exp(), x.sum()), (X,), upstream
    )
    sentence = refused(
        assert_gradients_match, lambda x: x.exp(), lambda x: (x.exp(), x.sum()), (X,), upstream
    )
    assert sentence == "The result holds 1 tensor instead of 2."


def test_a_result_of_another_shape_is_refused() -> None:
    """An upstream gradient is never broadcast to the result."""
    sentence = refused(assert_gradients_match, lambda x: x.sum(), lambda x: x, (X,), UP)
    assert sentence == "The result has shape () instead of (3, 5)."


def test_other_values_pass_through() -> None:
    """Numbers among the inputs reach the function as they are."""
    assert_gradients_match(
        lambda x, low: x.clamp(min=low), lambda x, low: torch.relu(x - low) + low, (X, -0.5), UP
    )


def test_the_reference_is_called_after_the_answer_and_with_its_own_inputs() -> None:
    """Nothing that graded code does to its inputs reaches the reference or the originals."""
    order: list[str] = []
    before = X.detach().clone()

    def vandal(x: torch.Tensor) -> torch.Tensor:
        order.append("answer")
        answer = x.exp()
        x.data.zero_()
        return answer

    def reference(x: torch.Tensor) -> torch.Tensor:
        order.append("reference")
        assert torch.equal(x, before)
        return x.exp()

    assert_gradients_match(vandal, reference, (X,), UP)
    assert order == ["answer", "reference"]
    assert torch.equal(X, before)
    assert X.grad is None


def test_the_layout_of_an_input_is_kept() -> None:
    """A transposed or expanded leaf reaches graded code with its strides."""
    seen: list[tuple[int, ...]] = []

    def spy(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.stride())
        return x.exp()

    row = torch.randn(1, 5, generator=GEN, dtype=torch.float64).expand(3, 5).requires_grad_()
    turned = X.detach().T.contiguous().T.requires_grad_()
    for value in (row, turned):
        assert_gradients_match(spy, torch.exp, (value,), UP)
    assert seen == [(0, 1), (1, 3)]


def test_inputs_without_gradient_are_the_suites_fault() -> None:
    """A suite that forgot `requires_grad_` is told so, not the learner."""
    with pytest.raises(ValueError, match="No input requires a gradient"):
        assert_gradients_match(scaled, scaled, (X.detach(), W.detach()), UP)


def test_a_zero_gradient_is_exact() -> None:
    """Where nothing may flow, a millionth of a millionth is too much."""
    keep = torch.rand(3, 5, generator=GEN) > 0.5
    where = (~keep, None)
    assert_zero_gradient(lambda x, w: (x * keep) * w, (X, W), UP, where)
    count = int((~keep).sum())
    sentence = refused(
        assert_zero_gradient, lambda x, w: (x * (keep + 1e-12)) * w, (X, W), UP, where, names=NAMES
    )
    assert sentence.startswith(f"The gradient of `x` is not zero at {count} of {count} elements")


def test_nan_is_no_zero_gradient() -> None:
    """A masked -inf whose gradient is NaN leaks."""
    sentence = refused(assert_zero_gradient, lambda x: x * torch.nan, (X,), UP, (True,))
    assert "not zero at 15 of 15 elements where nothing may flow back" in sentence
    assert sentence.endswith("the first at index (0, 0).")


def test_no_graph_is_a_zero_gradient() -> None:
    """A target that is detached receives exactly nothing."""
    assert_zero_gradient(lambda x, w: scaled(x, w.detach()), (X, W), UP, (None, True))
    assert_zero_gradient(lambda x, w: scaled(x, w).detach(), (X, W), UP, (True, True))


def test_a_gradient_that_must_flow_is_asked_for() -> None:
    """Zero, NaN and a missing graph are all no gradient."""
    assert_nonzero_gradient(scaled, (X, W), UP, (True, True))
    assert_nonzero_gradient(scaled, (X, W), UP, (False, None))
    for broken in (torch.detach, torch.zeros_like, lambda x: x * torch.nan):
        sentence = refused(
            assert_nonzero_gradient, broken, (X,), UP, (X.detach() > 0,), names=("x",)
        )
        assert sentence.startswith("The gradient of `x` is zero or not finite at ")


def test_a_scalar_input_has_no_first_index() -> None:
    """The gradient of a 0-dimensional input is one number."""
    beta = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    sentence = refused(assert_zero_gradient, lambda b: b * UP, (beta,), UP, (True,), names=("b",))
    assert sentence == (
        "The gradient of `b` is not zero at 1 of 1 elements where nothing may flow back."
    )


def test_claims_must_cover_every_input() -> None:
    """A suite that forgets an input learns of it."""
    with pytest.raises(ValueError, match="`where` has 1 entries for 2 inputs"):
        assert_zero_gradient(scaled, (X, W), UP, (True,))


def test_a_claim_about_an_input_without_gradient_is_the_suites_fault() -> None:
    """Nothing can be said of the gradient of an input that asks for none."""
    with pytest.raises(ValueError, match="speaks of input 1, which requires no gradient"):
        assert_zero_gradient(scaled, (X, W.detach()), UP, (None, True))


def test_faults_of_graded_code_pass_through() -> None:
    """An exception in forward or backward is an error, not a mismatch."""

    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(_: Any, *_grads: torch.Tensor) -> torch.Tensor:
            raise LookupError

    with pytest.raises(LookupError):
        assert_gradients_match(Broken.apply, torch.clone, (X,), UP)
