"""The hidden suite of `gae`.

A rollout is the five tensors of the exercise in the order of its arguments. `next_values` is drawn
by itself, so it never equals `values` of the next row.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_pure,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    strided,
)

Settings: TypeAlias = tuple[float, float]  # gamma, lam
Rollout: TypeAlias = list[torch.Tensor]

REWARDS, VALUES, NEXT_VALUES, TERMINATED, TRUNCATED = range(5)
NAMES = ("rewards", "values", "next_values", "terminated", "truncated")
SCALE = 4.0  # rewards and values are a few units each, and may cancel
ENDING = 0.15  # how often a drawn flag is set


def draw_rollout(
    gen: torch.Generator,
    shape: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
    ending: float = ENDING,
) -> Rollout:
    """Draw a rollout, [T, N] each, in which a transition ends an episode now and then."""
    numbers = [2 * torch.randn(shape, generator=gen, dtype=torch.float64) for _ in range(3)]
    flags = [torch.rand(shape, generator=gen) < ending for _ in range(2)]
    return [x.to(device, dtype) for x in numbers] + [flag.to(device) for flag in flags]


def draw_settings(gen: torch.Generator) -> Settings:
    """Draw a gamma and a lambda that differ, neither of its usual value."""
    draws: list[float] = torch.rand(2, generator=gen, dtype=torch.float64).tolist()
    return 0.86 + 0.1 * draws[0], 0.66 + 0.1 * draws[1]


def set_flags(rollout: Rollout, terminated: torch.Tensor, truncated: torch.Tensor) -> Rollout:
    """Return the rollout with other flags."""
    return [*rollout[:TERMINATED], terminated, truncated]


def without_flags(rollout: Rollout) -> Rollout:
    """Return the rollout with no episode ending in it."""
    nowhere = torch.zeros_like(rollout[TERMINATED])
    return set_flags(rollout, nowhere, nowhere)


def expected_advantages(rollout: Rollout, settings: Settings) -> torch.Tensor:
    """Return A_t, [T, N] in float64, as a weighted sum over the later steps of its episode."""
    rewards, values, next_values, terminated, truncated = rollout
    gamma, lam = settings
    due = torch.where(terminated, 0.0, gamma * next_values.double())
    delta = rewards.double() + due - values.double()
    ends = (terminated | truncated).long()
    episode = ends.cumsum(0) - ends  # [T, N], the episodes that ended before t
    steps = torch.arange(len(ends), device=ends.device)
    ahead = steps[None, :] - steps[:, None]  # [T, T], from t to a later step
    weights = (gamma * lam) ** ahead.clamp(min=0).double() * (ahead >= 0)
    same = episode[:, None] == episode[None]  # [T, T, N]
    return (weights[..., None] * same * delta[None]).sum(1)


def expected_gae(rollout: Rollout, settings: Settings) -> tuple[torch.Tensor, torch.Tensor]:
    """Return advantages and returns, [T, N] in float64."""
    advantages = expected_advantages(rollout, settings)
    return advantages, advantages + rollout[VALUES].double()


def assert_part_matches(
    student: Student, rollout: Rollout, settings: Settings, part: int, c: float, scale: float
) -> None:
    """Assert that the advantages (part 0) or the returns (part 1) are right."""
    actual = student.gae(*rollout, *settings)[part]
    assert_values_match(
        actual,
        expected_gae(rollout, settings)[part],
        reduction=max(1, len(actual)),
        c=c,
        scale=scale,
        what=("the advantage", "the return")[part],
        dtype=rollout[REWARDS].dtype,
        inputs=rollout[:TERMINATED],
    )


def assert_advantages(
    student: Student, rollout: Rollout, settings: Settings, c: float = 8.0, scale: float = SCALE
) -> None:
    """Assert that the advantages of a rollout are the expected ones."""
    assert_part_matches(student, rollout, settings, 0, c, scale)


def assert_returns(
    student: Student, rollout: Rollout, settings: Settings, c: float = 8.0, scale: float = SCALE
) -> None:
    """Assert that the returns of a rollout are the expected ones."""
    assert_part_matches(student, rollout, settings, 1, c, scale)


@in_worker
def descend(
    student: Any, rollout: list[torch.Tensor], settings: Any, log_probs: torch.Tensor
) -> torch.Tensor:
    """Return the gradient of a policy that learns from the advantages."""
    log_probs = log_probs.clone().requires_grad_()
    advantages, returns = student.gae(*rollout, *settings)
    returns += 1  # both belong to the caller
    (log_probs * advantages).sum().backward()
    gradient = log_probs.grad
    return torch.zeros(0) if gradient is None else gradient


def assert_refused(
    student: Student, arguments: tuple[Any, ...], error: type[Exception], what: str
) -> None:
    """Assert that the arguments raise the promised error."""
    try:
        student.gae(*arguments)
    except error:
        return
    pytest.fail(f"No `{error.__name__}` was raised for {what}.")


@points(2)
def test_advantages_match_their_definition(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The advantages equal their definition, for rollouts of any size with episodes inside."""
    shapes = [*odd_shapes(gen, 2), (31, 5), (31, 5), (5, 31)]
    dtypes = (torch.float64, torch.float32, torch.float64, torch.float64, torch.float32)
    cases = [
        (draw_rollout(gen, shape, device, dtype), draw_settings(gen))
        for shape, dtype in zip(shapes, (*dtypes, torch.float32), strict=True)
    ]
    # New numbers in an old shape, and old numbers after new ones: no call may remember another.
    for rollout, settings in [*cases, cases[3]]:
        assert_advantages(student, rollout, settings)


@points(2)
def test_returns_are_advantages_plus_values(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The returns, which the critic learns from, are the advantages plus `values`."""
    cases = [
        (draw_rollout(gen, shape, device, dtype), draw_settings(gen))
        for shape, dtype in (((7, 3), torch.float64), ((4, 6), torch.float32))
    ]
    for rollout, settings in cases:
        assert_returns(student, rollout, settings)
        # With lambda = 1 alone they are the discounted sums of the rewards.
        assert_returns(student, rollout, (settings[0], 1.0))


@points(1)
def test_gamma_and_lambda_act_each_in_its_place(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """At 0, at 1 and in between, gamma discounts values and later steps, lambda later steps."""
    rollout = without_flags(draw_rollout(gen, (9, 4), device))
    cut = draw_rollout(gen, (8, 5), device)
    gamma, lam = draw_settings(gen)
    for settings in ((gamma, 0.0), (gamma, 1.0), (0.0, lam), (1.0, lam), (1.0, 1.0), (0.0, 0.0)):
        for case in (rollout, cut):
            assert_advantages(student, case, settings)
    assert_advantages(student, rollout, (lam, gamma))
    # Whole numbers are numbers, too.
    assert_advantages(student, cut, (1, 1))


@points(2)
def test_bootstrap_uses_next_values(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The value of the next state is `next_values` of the same row, in the last row as well."""
    rollouts = [without_flags(draw_rollout(gen, shape, device)) for shape in ((6, 5), (1, 7))]
    settings = draw_settings(gen)
    for rollout in rollouts:
        # With lambda = 0 nothing but the one step counts.
        assert_advantages(student, rollout, (settings[0], 0.0))
        assert_advantages(student, rollout, settings)


@points(2)
def test_terminated_leaves_nothing_to_come(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """At the end of a task neither the next value nor a later transition counts."""
    rollout = draw_rollout(gen, (8, 5), device, ending=0.4)
    settings = draw_settings(gen)
    nowhere = torch.zeros_like(rollout[TERMINATED])
    for terminated in (rollout[TERMINATED], ~nowhere):
        assert_advantages(student, set_flags(rollout, terminated, nowhere), settings)


@points(2)
def test_truncated_keeps_the_next_value_alone(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Where an episode is stopped from outside the next value counts, a later transition not."""
    rollout = draw_rollout(gen, (8, 5), device, ending=0.4)
    settings = draw_settings(gen)
    nowhere = torch.zeros_like(rollout[TRUNCATED])
    for truncated in (rollout[TRUNCATED], ~nowhere):
        assert_advantages(student, set_flags(rollout, nowhere, truncated), settings)


@points(2)
def test_flags_belong_to_their_own_transition(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A flag at t ends the episode after transition t, not one step earlier or later."""
    rollout = draw_rollout(gen, (6, 7), device)
    settings = draw_settings(gen)
    nowhere = torch.zeros_like(rollout[TERMINATED])
    # Environment n ends after transition n; the last environment never does.
    once = torch.eye(6, 7, dtype=torch.bool, device=device)
    assert_advantages(student, set_flags(rollout, once, nowhere), settings)
    assert_advantages(student, set_flags(rollout, nowhere, once), settings)
    assert_advantages(student, set_flags(rollout, once, once.flip(0)), settings)


@points(1)
def test_end_of_the_task_outranks_a_stop(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With both flags set the task has ended, so the next value is 0."""
    rollout = draw_rollout(gen, (9, 4), device)
    settings = draw_settings(gen)
    both = torch.arange(9, device=device).remainder(3).eq(1)[:, None].expand(9, 4)
    assert_advantages(student, set_flags(rollout, both, both), settings)
    assert_advantages(student, set_flags(rollout, both, torch.ones_like(both)), settings)
    assert_advantages(student, set_flags(rollout, torch.ones_like(both), both), settings)


@points(1)
def test_next_values_are_not_read_at_the_end(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """NaN or infinity as the value of a terminal state reaches neither result."""
    rollout = draw_rollout(gen, (7, 5), device, torch.float32)
    settings = draw_settings(gen)
    ends = torch.arange(7, device=device).remainder(2).eq(0)[:, None].expand(7, 5)
    rollout = set_flags(rollout, ends, rollout[TRUNCATED])
    for filler in (math.nan, math.inf, -math.inf):
        rollout[NEXT_VALUES] = rollout[NEXT_VALUES].masked_fill(ends, filler)
        assert_advantages(student, rollout, settings)
        assert_returns(student, rollout, settings)


@points(1)
def test_results_carry_no_graph(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Advantages and returns are data: no gradient flows back into rewards or values."""
    rollout = draw_rollout(gen, (5, 3), device)
    settings = draw_settings(gen)
    for place in (REWARDS, VALUES, NEXT_VALUES):
        inputs = [x.clone().requires_grad_(place == other) for other, x in enumerate(rollout)]
        results = student.gae(*inputs, *settings)
        due = expected_gae(rollout, settings)
        assert_values_match(results, due, reduction=5, scale=SCALE)
        for name, result in zip(("advantages", "returns"), results, strict=True):
            if result.requires_grad:
                pytest.fail(f"The {name} carry a graph that leads to `{NAMES[place]}`.")
    log_probs = torch.randn((5, 3), generator=gen, dtype=torch.float64).to(device)
    gradient = descend(student, rollout, settings, log_probs)
    advantages = expected_advantages(rollout, settings)
    assert_values_match(
        gradient, advantages, reduction=5, scale=SCALE, what="the policy's gradient"
    )


@points(2)
def test_half_precision_is_computed_in_float32(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Sums of hundreds of steps keep their digits, and the results have the inputs' dtype."""
    long, near = (600, 1), (9, 4)
    dtypes = (torch.bfloat16, torch.float16)
    cases = [
        (draw_rollout(gen, long, device, dtype, 0.0), draw_rollout(gen, near, device, dtype))
        for dtype in dtypes
    ]
    settings = draw_settings(gen)
    for steady, opposed in cases:
        steady[REWARDS] = 1 + steady[REWARDS].abs() / 8
        assert_advantages(student, steady, (1.0, 1.0), c=1)
        # In float16 0.998001 is 0.99805: after hundreds of steps that makes a difference.
        found = student.gae(*steady, 0.999, 0.999)[0]
        due = expected_advantages(steady, (0.999, 0.999))
        dtype = steady[REWARDS].dtype
        assert_values_match(found, due, c=3, scale=4.0, dtype=dtype, what="the advantage")
        # Advantages near 100 and values near -100: their sum shows where a result was rounded.
        opposed[REWARDS] = opposed[REWARDS] / 8
        opposed[VALUES] = -100 + opposed[VALUES]
        opposed[NEXT_VALUES] = opposed[NEXT_VALUES] / 8
        assert_returns(student, opposed, settings, c=2, scale=1.0)


@points(1)
def test_float64_stays_float64(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """In float64 nothing passes through float32: values of a million keep their last digits."""
    rollout = draw_rollout(gen, (40, 3), device, ending=0.05)
    gamma, lam = draw_settings(gen)
    rollout[VALUES], rollout[NEXT_VALUES] = 1e6 * rollout[VALUES], 1e6 * rollout[NEXT_VALUES]
    for settings in ((gamma, lam), (1.0, lam)):
        # The terms are millions and may cancel: float64 loses 1e-8 of that, and float32 1.
        assert_advantages(student, rollout, settings, scale=1e8)
        assert_returns(student, rollout, settings, scale=1e8)


@points(1)
def test_long_rollouts_do_not_underflow(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Hundreds of steps with a small gamma * lam are right and finite from first to last."""
    rollout = draw_rollout(gen, (400, 2), device, torch.float32, 0.01)
    gamma, lam = draw_settings(gen)
    # 0.2^400 and 0.6^400 are 0 in float32.
    for settings in ((gamma / 2, lam / 2), (gamma, lam)):
        assert_advantages(student, rollout, settings)
    # More steps than a recursion is deep, or than ten doublings reach.
    long = without_flags(draw_rollout(gen, (1300, 1), device))
    long[REWARDS] = long[REWARDS] + 1
    # Sums of a thousand rewards, which nearly cancel with a value here and there.
    assert_advantages(student, long, (1.0, 1.0), scale=1e4)


@points(1)
def test_one_transition_one_environment_and_none(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A rollout of one step, of one environment, or of no step or environment has its shape."""
    shapes = ((1, 1), (1, 4), (5, 1), (0, 3), (4, 0), (0, 0))
    rollouts = [draw_rollout(gen, shape, device, ending=0.3) for shape in shapes]
    settings = draw_settings(gen)
    for rollout in rollouts:
        assert_advantages(student, rollout, settings)
        assert_returns(student, rollout, settings)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded inputs are read as they are, and no input is changed."""
    dtypes = (torch.float64, torch.float32, torch.float16)
    rollouts = [draw_rollout(gen, (6, 4), device, dtype, 0.3) for dtype in dtypes]
    settings = draw_settings(gen)
    for rollout in rollouts:
        layouts = [strided(x) for x in rollout]
        for place in range(len(layouts[0])):
            # The flags take another layout than the numbers.
            inputs = [
                layout[(place + (which >= TERMINATED)) % len(layout)][1]
                for which, layout in enumerate(layouts)
            ]
            assert_pure(student.gae, *inputs, *settings)
            assert_advantages(student, inputs, settings)
            assert_returns(student, inputs, settings)
    for settings in ((0.0, 0.5), (0.5, 0.0), (1.0, 1.0)):
        assert_pure(student.gae, *without_flags(rollouts[0]), *settings)
        assert_pure(student.gae, *rollouts[1], *settings)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Unequal shapes, flags that are no bools and discounts outside 0 to 1 raise an error."""
    rollout = draw_rollout(gen, (4, 3), device)
    gamma, lam = draw_settings(gen)
    assert_advantages(student, rollout, (gamma, lam))  # a good call is not refused
    for place, tensor in enumerate(rollout):
        for odd in (tensor[:1], tensor[:, :1], tensor[:3], tensor[0], tensor[None], tensor[0, 0]):
            arguments = (*rollout[:place], odd, *rollout[place + 1 :], gamma, lam)
            what = f"`{NAMES[place]}` of shape {tuple(odd.shape)} among tensors of shape (4, 3)"
            assert_refused(student, arguments, ValueError, what)
    for odd_rollout in ([x[0] for x in rollout], [x[None] for x in rollout]):
        what = f"tensors of shape {tuple(odd_rollout[0].shape)}"
        assert_refused(student, (*odd_rollout, gamma, lam), ValueError, what)
    for place in (TERMINATED, TRUNCATED):
        for dtype in (torch.float64, torch.int64, torch.uint8):
            flag = rollout[place].to(dtype)
            arguments = (*rollout[:place], flag, *rollout[place + 1 :], gamma, lam)
            assert_refused(student, arguments, TypeError, f"`{NAMES[place]}` of dtype {dtype}")
    for odd_settings in ((-0.1, lam), (1.01, lam), (gamma, -0.1), (gamma, 1.01)):
        assert_refused(student, (*rollout, *odd_settings), ValueError, "a discount of no use")
    empty = [x[:0] for x in rollout]
    assert_refused(student, (*empty, 2.0, lam), ValueError, "an empty rollout and a bad gamma")
    flags = set_flags(empty, empty[REWARDS], empty[TRUNCATED])
    assert_refused(student, (*flags, gamma, lam), TypeError, "an empty rollout and bad flags")
