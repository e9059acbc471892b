"""The hidden suite of `reinforce`.

A rollout is the five arguments of the loss: log-probabilities, rewards, done, gamma, baseline.
"""

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
    points,
)

LOG_PROBS, REWARDS, DONE, GAMMA, BASELINE = range(5)
NAMES = ("log_probs", "rewards", "done", "gamma", "baseline")


def expected(
    log_probs: torch.Tensor,
    rewards: torch.Tensor,
    done: torch.Tensor,
    gamma: float,
    baseline: torch.Tensor | None,
) -> torch.Tensor:
    """Return the loss in float64, with a matrix of discounts between steps of one episode."""
    steps = torch.arange(len(rewards))
    episode = done.long().cumsum(0) - done.long()  # how many episodes ended before
    delay = steps[None, :] - steps[:, None]  # [T, T]
    counts = (delay >= 0) & (episode[None, :] == episode[:, None])
    discounts = torch.where(counts, float(gamma) ** delay.clamp(min=0).double(), 0.0)
    weight = discounts @ rewards.detach().double()
    if baseline is not None:
        weight = weight - baseline.detach().double()
    return -torch.dot(log_probs.double(), weight) / len(rewards)


def draw_rollout(
    gen: torch.Generator, ends: list[int], dtype: torch.dtype = torch.float64, *, last: bool = True
) -> list[Any]:
    """Draw a rollout whose episodes end with the given steps; the last one may lack its end."""
    n = ends[-1] + 1
    done = torch.zeros(n, dtype=torch.bool)
    done[ends if last else ends[:-1]] = True
    log_probs = -0.2 - 2 * torch.rand(n, generator=gen, dtype=torch.float64)
    rewards, baseline = torch.randn(2, n, generator=gen, dtype=torch.float64)
    gamma = 0.5 + 0.45 * float(torch.rand((), generator=gen, dtype=torch.float64))
    return [log_probs.to(dtype), (1 + rewards).to(dtype), done, gamma, baseline.to(dtype)]


def changed(rollout: list[Any], place: int, value: Any) -> list[Any]:
    """Return the rollout with another value for one of the arguments."""
    return [*rollout[:place], value, *rollout[place + 1 :]]


def requiring(rollout: list[Any], *chosen: int) -> tuple[Any, ...]:
    """Return the rollout with a gradient required of the chosen tensors."""
    return tuple(
        value.detach().requires_grad_() if place in chosen else value
        for place, value in enumerate(rollout)
    )


def draw_upstream(gen: torch.Generator) -> torch.Tensor:
    """Draw the gradient that arrives at the loss: [], neither 0 nor 1."""
    return 1.2 + 1.6 * torch.rand((), generator=gen, dtype=torch.float64)


def assert_loss(student: Student, rollout: list[Any]) -> None:
    """Assert that the loss is right, in the dtype of the rollout."""
    found = student.reinforce(*rollout)
    assert_values_match(
        found,
        expected(*rollout).detach(),
        dtype=rollout[LOG_PROBS].dtype,
        reduction=len(rollout[REWARDS]),
        scale=4.0,  # the terms are a few units each, and may cancel
        what="the loss",
    )


def assert_gradients(student: Student, inputs: tuple[Any, ...], upstream: torch.Tensor) -> None:
    """Assert that the loss has the gradients of its definition."""
    assert_gradients_match(
        student.reinforce, expected, inputs, upstream, scale=1.0, names=NAMES, what="the loss"
    )


def assert_refused(student: Student, rollout: list[Any], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        student.reinforce(*rollout)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@points(3)
def test_loss_matches_its_definition(student: Student, gen: torch.Generator) -> None:
    """The loss is minus the mean of log-probability times reward-to-go less baseline."""
    cases = [
        draw_rollout(gen, ends, dtype)
        for ends in ([6], [2, 3, 10], [2, 3, 10], [0, 8, 30])
        for dtype in (torch.float64, torch.float32)
    ]
    for rollout in cases:
        assert_loss(student, rollout)


@points(1)
def test_no_baseline_is_a_baseline_of_zero(student: Student, gen: torch.Generator) -> None:
    """Without a baseline, the weight of a step is its reward-to-go alone."""
    upstream = draw_upstream(gen)
    for ends in ([7], [1, 8]):
        rollout = changed(draw_rollout(gen, ends), BASELINE, None)
        assert_loss(student, rollout)
        assert_gradients(student, requiring(rollout, LOG_PROBS), upstream)


@points(2)
def test_past_rewards_do_not_count(student: Student, gen: torch.Generator) -> None:
    """A reward changes the gradient of the steps up to it, discounted by the steps between."""
    rollout = draw_rollout(gen, [8])
    upstream = draw_upstream(gen)
    for place in (0, 4, 8):
        rewards = torch.zeros(9, dtype=torch.float64)
        rewards[place] = 3.0
        one = changed(changed(rollout, REWARDS, rewards), BASELINE, None)
        assert_gradients(student, requiring(one, LOG_PROBS), upstream)


@points(2)
def test_episodes_do_not_know_of_each_other(student: Student, gen: torch.Generator) -> None:
    """A reward stops counting at the end of the episode before, which is the step that is done."""
    upstream = draw_upstream(gen)
    for ends in ([3, 4, 9], [0, 1, 2], [5, 11]):
        rollout = draw_rollout(gen, ends)
        assert_gradients(student, requiring(rollout, LOG_PROBS), upstream)
        alone = torch.zeros_like(rollout[REWARDS])
        alone[-1] = 5.0
        second = changed(changed(rollout, REWARDS, alone), BASELINE, None)
        assert_gradients(student, requiring(second, LOG_PROBS), upstream)


@points(1)
def test_last_episode_may_lack_its_end(student: Student, gen: torch.Generator) -> None:
    """If the last step is not done, what would have come after it counts as 0."""
    upstream = draw_upstream(gen)
    for ends in ([5], [2, 7], [0]):
        rollout = draw_rollout(gen, ends, last=False)
        assert_loss(student, rollout)
        assert_gradients(student, requiring(rollout, LOG_PROBS), upstream)


@points(2)
def test_gradient_reaches_the_policy_alone(student: Student, gen: torch.Generator) -> None:
    """The log-probabilities get the gradient; rewards and baseline none, even if they ask."""
    upstream = draw_upstream(gen)
    cases = [draw_rollout(gen, ends) for ends in ([6], [3, 9])]
    for rollout in cases:
        assert_gradients(student, requiring(rollout, LOG_PROBS, REWARDS, BASELINE), upstream)
    inputs = requiring(cases[1], LOG_PROBS)
    assert_gradcheck(student.reinforce, inputs, names=NAMES, what="the loss", reference=expected)
    # The loss is linear in the log-probabilities: exp(x - x.detach()) has its gradient, too.
    assert_gradgradcheck(student.reinforce, inputs, names=NAMES, what="the loss")


@points(1)
def test_discounts_of_zero_and_one(student: Student, gen: torch.Generator) -> None:
    """With gamma = 0 the reward alone counts, with gamma = 1 all that follow in the episode do."""
    rollout = draw_rollout(gen, [2, 9])
    for gamma in (0.0, 1.0, 0, 1):
        assert_loss(student, changed(rollout, GAMMA, gamma))


@points(1)
def test_single_steps_are_episodes(student: Student, gen: torch.Generator) -> None:
    """With one step, or with every step done, a reward-to-go is a reward."""
    upstream = draw_upstream(gen)
    for ends in ([0], [0, 1, 2, 3, 4]):
        for dtype in (torch.float64, torch.float32):
            assert_loss(student, draw_rollout(gen, ends, dtype))
        assert_gradients(student, requiring(draw_rollout(gen, ends), LOG_PROBS), upstream)


@points(1)
def test_half_precision_is_summed_in_float32(student: Student, gen: torch.Generator) -> None:
    """The loss has the dtype of the log-probabilities, and is rounded only at its end."""
    # In bfloat16 64 + 0.3 is 64.5, and in float16 the return of 300 such rewards is infinite.
    for dtype, size in ((torch.bfloat16, 0.3), (torch.float16, 250.0)):
        rollout = draw_rollout(gen, [299], dtype)
        rewards = size * (1 + torch.rand(300, generator=gen, dtype=torch.float64) / 2)
        rollout[REWARDS] = rewards.to(dtype)
        rollout[LOG_PROBS] = rollout[LOG_PROBS] / 64
        rollout[GAMMA] = 1.0
        found = student.reinforce(*rollout)
        assert_values_match(found, expected(*rollout), dtype=dtype, c=1.0, what="the loss")


@points(1)
def test_long_rollouts_are_like_short_ones(student: Student, gen: torch.Generator) -> None:
    """A rollout may have over a thousand steps in one episode, or hundreds of episodes."""
    assert_loss(student, draw_rollout(gen, [1199]))  # too deep for a recursion
    # In bfloat16 one does not count further than 256.
    rollout = draw_rollout(gen, list(range(500)), torch.bfloat16)
    rewards = 1 + 4 * torch.rand(500, generator=gen, dtype=torch.float64)
    rollout = changed(changed(rollout, REWARDS, rewards.bfloat16()), GAMMA, 1.0)
    found = student.reinforce(*rollout)
    assert_values_match(found, expected(*rollout), dtype=torch.bfloat16, c=1.0, what="the loss")


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(student: Student, gen: torch.Generator) -> None:
    """Columns and slices are read as they are, and no input is changed."""
    for dtype in (torch.float64, torch.float32):
        rollout = draw_rollout(gen, [4, 9], dtype, last=False)
        columns = torch.stack([rollout[place] for place in (LOG_PROBS, REWARDS, BASELINE)], dim=1)
        wide = rollout[DONE].repeat_interleave(2)
        wide[1::2] = ~wide[1::2]
        strided = [columns[:, 0], columns[:, 1], wide[::2], rollout[GAMMA], columns[:, 2]]
        for arguments in (strided, changed(strided, BASELINE, None)):
            assert_pure(student.reinforce, *arguments)
            assert_loss(student, arguments)


@points(1)
def test_bad_arguments_are_refused(student: Student, gen: torch.Generator) -> None:
    """Unequal lengths, other shapes, no steps and a gamma not from 0 to 1 raise a ValueError."""
    rollout = draw_rollout(gen, [3])
    assert_loss(student, rollout)
    for place in (LOG_PROBS, REWARDS, DONE, BASELINE):
        tensor = rollout[place]
        for odd in (tensor[:1], tensor[:3], tensor[0], tensor[:, None]):
            what = f"`{NAMES[place]}` of shape {tuple(odd.shape)} among tensors of shape (4,)"
            assert_refused(student, changed(rollout, place, odd), what)
    for shape in ((0,), (2, 2)):
        odd = [x if isinstance(x, float) else x[: sum(shape)].reshape(shape) for x in rollout]
        assert_refused(student, odd, f"tensors of shape {shape}")
        assert_refused(student, changed(odd, BASELINE, None), f"tensors of shape {shape}")
    for gamma in (-0.1, 1.01):
        assert_refused(student, changed(rollout, GAMMA, gamma), "a bad `gamma`")
