"""The hidden suite of `discounted_returns`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_gradcheck,
    assert_gradients_match,
    assert_pure,
    assert_values_match,
    fresh,
    in_worker,
    points,
    strided,
)

NAMES = ("r", "gamma")
MANY = 256
MOST_PER_STEP = 110  # elements read and written: some dozen in each of log T rounds, or fewer


def expected(r: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return G = U r in float64, with U the matrix of gamma to the power of the delay."""
    steps = torch.arange(len(r))
    delay = steps[None, :] - steps[:, None]  # [T, T]
    discounts = torch.where(delay >= 0, float(gamma) ** delay.clamp(min=0).double(), 0.0)
    return discounts @ r.double()


def draw(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw normal rewards in float64."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


def draw_gamma(gen: torch.Generator) -> float:
    """Draw a discount between 0.4 and 0.95."""
    return 0.4 + 0.55 * float(torch.rand((), generator=gen, dtype=torch.float64))


def assert_returns(
    student: Student, r: torch.Tensor, gamma: float, c: float = 8.0, scale: float = 16.0
) -> None:
    """Assert that the returns are right, in the dtype of r; rewards of a few units may cancel."""
    found = student.returns(r, gamma)
    due = expected(r, gamma)
    assert_values_match(found, due, dtype=r.dtype, scale=scale, c=c, what="G", inputs=(r,))


@in_worker
def count_work(student: Any, r: torch.Tensor, gamma: float) -> int:
    """Return how many elements all operations of one call read and write, views left out.

    A convolution counts its products, too: it reads few elements often.
    """
    work = [0]
    mode: Any = torch.utils._python_dispatch.TorchDispatchMode  # noqa: SLF001 - its only name

    class Counter(mode):  # type: ignore[misc] # known at run time only
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # skipping it means importing it, which takes seconds

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            if not func.is_view:
                for part in (*args, result):
                    parts = part if isinstance(part, list | tuple) else [part]
                    work[0] += sum(x.numel() for x in parts if isinstance(x, torch.Tensor))
            if func is torch.ops.aten.convolution.default:
                work[0] += result.numel() * args[1][0].numel()
            return result

    with Counter():
        student.returns(r, gamma)
    return work[0]


@in_worker
def differentiate_twice(
    student: Any, r: torch.Tensor, gamma: float, upstream: torch.Tensor
) -> list[torch.Tensor]:
    """Return two gradients under one upstream tensor, and what it holds in the end."""
    r = r.clone().requires_grad_()
    answer = student.returns(r, gamma)
    gradients = [torch.autograd.grad(answer, r, upstream, retain_graph=True)[0] for _ in range(2)]
    return [*gradients, upstream]


def assert_refused(student: Student, r: torch.Tensor, gamma: float, what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        student.returns(r, gamma)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@points(3)
def test_return_adds_up_the_discounted_future(student: Student, gen: torch.Generator) -> None:
    """G_t is r_t + gamma G_(t+1), for episodes of any length."""
    cases = [(draw(gen, n), draw_gamma(gen)) for n in (5, 31, 31, 2, 1)]
    for r, gamma in cases:
        for dtype in (torch.float64, torch.float32):
            assert_returns(student, r.to(dtype), gamma)


@points(2)
def test_reward_counts_for_the_steps_before_it(student: Student, gen: torch.Generator) -> None:
    """A single reward at step k gives gamma^(k - t) of itself at each t <= k, exactly 0 after."""
    gamma = draw_gamma(gen)
    for place in (0, 6, 11):
        r = torch.zeros(12, dtype=torch.float64)
        r[place] = 3.0
        found = student.returns(r, gamma)
        due = torch.zeros_like(r)
        for step in range(place + 1):
            due[step] = 3.0 * gamma ** (place - step)
        assert_values_match(found, due, what="G")
        if bool((found[place + 1 :] != 0).any()):
            pytest.fail("A reward counts for a step that comes after it.")


@points(1)
def test_discounts_of_zero_and_one(student: Student, gen: torch.Generator) -> None:
    """With gamma = 0 only the step's own reward counts, with gamma = 1 all that follow do."""
    for dtype in (torch.float64, torch.float32):
        r = draw(gen, 9).to(dtype)
        for gamma in (0.0, 1.0, 0, 1):
            assert_returns(student, r, gamma)


@points(1)
def test_long_episodes_stay_finite(student: Student, gen: torch.Generator) -> None:
    """Where gamma^T is 0 in float64, every return is finite and right."""
    r = draw(gen, 1200)
    assert_returns(student, r, 0.5)
    assert_returns(student, r[:300].float(), 0.6)
    assert_returns(student, r[:40], 1e-30)  # and its 11th power is 0, too


@points(2)
def test_gradient_goes_back_to_the_rewards(student: Student, gen: torch.Generator) -> None:
    """The gradient of a reward sums what arrives at the steps up to it, each discounted."""
    cases = [(draw(gen, n).requires_grad_(), draw(gen, n), draw_gamma(gen)) for n in (13, 1, 6)]
    for r, upstream, gamma in cases:
        assert_gradients_match(
            student.returns,
            expected,
            (r, gamma),
            upstream,
            reduction=len(r),
            scale=2.0,
            names=NAMES,
            what="G",
        )
    r, _, gamma = cases[2]
    assert_gradcheck(student.returns, (r, gamma), names=NAMES, what="G", reference=expected)


@points(1)
def test_gradient_can_be_taken_again(student: Student, gen: torch.Generator) -> None:
    """The backward leaves the gradient that arrives as it is, so a second one is like the first."""
    r, upstream, gamma = draw(gen, 9), draw(gen, 9), draw_gamma(gen)
    *gradients, left = differentiate_twice(student, r, gamma, upstream)
    # The transpose of a sum over later steps is one over earlier steps.
    due = expected(upstream.flip(0), gamma).flip(0)
    for gradient in gradients:
        assert_values_match(gradient, due, scale=2.0, what="the gradient of `r`")
    assert_values_match(left, upstream, what="the gradient that arrives")


@points(2)
def test_work_grows_with_the_length_alone(student: Student, gen: torch.Generator) -> None:
    """The operations together read and write a number of elements in proportion to T, not T^2."""
    r, gamma = draw(gen, MANY), draw_gamma(gen)
    assert_returns(student, r, gamma)
    work = count_work(student, r, gamma)
    if work > MOST_PER_STEP * MANY:
        pytest.fail(f"{work:,} elements are read and written for {MANY} steps.")


@points(1)
def test_half_precision_is_summed_in_float32(student: Student, gen: torch.Generator) -> None:
    """G has the dtype of r, and a long sum in half precision is rounded only at its end."""
    r = 0.5 + torch.rand(400, generator=gen, dtype=torch.float64)
    for dtype in (torch.bfloat16, torch.float16):
        for gamma in (1.0, 0.99):
            assert_returns(student, r.to(dtype), gamma, c=1.0, scale=2.0)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_rewards_are_left_as_they_are(student: Student, gen: torch.Generator) -> None:
    """Strided rewards are read as they are, none is changed, and G has memory of its own."""
    layouts = strided(draw(gen, 7))
    row = draw(gen, 4, 6)
    cases = [*layouts, ("a column", row[:, 2]), ("one step", row[0, :1]), ("no step", row[0, :0])]
    for _, r in cases:
        assert_returns(student, r, 0.75)
    for r in (row[:, 2], row[0, :1], row[0, :0]):
        for dtype, gamma in ((torch.float64, 0.75), (torch.float64, 0.0), (torch.float32, 1.0)):
            assert_pure(student.returns, r.to(dtype), gamma)
            assert_returns(student, r.to(dtype), gamma)


@points(1)
def test_bad_arguments_are_refused(student: Student, gen: torch.Generator) -> None:
    """Rewards that are no vector, and a gamma that is not from 0 to 1, raise a ValueError."""
    r = draw(gen, 4)
    assert_returns(student, r, 0.5)
    for gamma in (-0.1, 1.01, -1.0, 2.0):
        assert_refused(student, r, gamma, "a `gamma` that is not between 0 and 1")
    for shape in ((), (2, 2), (1, 4), (4, 1)):
        odd = r[0].reshape(()) if shape == () else r.reshape(shape)
        assert_refused(student, odd, 0.5, f"rewards of shape {shape}")
