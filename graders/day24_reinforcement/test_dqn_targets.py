"""The hidden suite of `dqn_targets`.

A batch is the four tensors of the exercise in the order of its arguments. The two networks are
drawn apart, so they seldom agree on an action.
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
    odd_shapes,
    points,
    strided,
)

Batch: TypeAlias = list[torch.Tensor]
Settings: TypeAlias = tuple[float, int]  # gamma, n

REWARDS, DONE, ONLINE, TARGET = range(4)
NAMES = ("rewards", "done", "q_online", "q_target")
SCALE = 4.0  # rewards and Q-values are a few units each, and may cancel
BOTH = (False, True)
HALF = (torch.bfloat16, torch.float16)


def draw_batch(
    gen: torch.Generator,
    shape: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
    ending: float = 0.3,
) -> Batch:
    """Draw a batch of B samples with A actions each, `shape` being (B, A).

    Some rows of Q-values are negative throughout.
    """
    size, actions = shape
    reward, level = (2 * torch.randn(size, generator=gen, dtype=torch.float64) for _ in range(2))
    # Distinct within a row even in bfloat16: no ties.
    online, target = (
        torch.stack([torch.randperm(actions, generator=gen) for _ in range(size)])
        if size
        else torch.zeros(shape)
        for _ in range(2)
    )
    done = torch.rand(size, generator=gen) < ending
    numbers = (reward, online + level.round()[:, None], 0.5 * target - level.round()[:, None])
    reward, online, target = (x.to(device, dtype) for x in numbers)
    return [reward, done.to(device), online, target]


def draw_settings(gen: torch.Generator) -> Settings:
    """Draw a gamma far from 1 and an n above 1."""
    draw = float(torch.rand((), generator=gen, dtype=torch.float64))
    return 0.7 + 0.2 * draw, int(torch.randint(2, 6, (), generator=gen))


def nobody_done(batch: Batch) -> Batch:
    """Return the batch with no task ended."""
    return [batch[REWARDS], torch.zeros_like(batch[DONE]), *batch[ONLINE:]]


def expected_target(batch: Batch, settings: Settings, *, double: bool) -> torch.Tensor:
    """Return the targets, [B] in float64, sample by sample in plain numbers."""
    gamma, n = settings
    rewards, done, online, target = (x.tolist() for x in batch)
    due = []
    for reward, ended, chooser, values in zip(rewards, done, online, target, strict=True):
        future = 0.0
        if not ended:
            order = sorted(range(len(values)), key=(chooser if double else values).__getitem__)
            future = values[order[-1]] * math.prod([gamma] * n)
        due.append(reward + future)
    return torch.tensor(due, dtype=torch.float64, device=batch[REWARDS].device)


def assert_target(
    student: Student,
    batch: Batch,
    settings: Settings,
    *,
    double: bool,
    c: float = 8.0,
    scale: float = SCALE,
) -> None:
    """Assert that the targets of a batch are the expected ones."""
    actual = student.target(*batch, *settings, double=double)
    assert_values_match(
        actual,
        expected_target(batch, settings, double=double),
        c=c,
        scale=scale,
        what="the target",
        dtype=batch[REWARDS].dtype,
        inputs=(batch[REWARDS],),
    )


def assert_refused(
    student: Student,
    arguments: tuple[Any, ...],
    error: type[Exception],
    what: str,
    *,
    double: bool = True,
) -> None:
    """Assert that the arguments raise the promised error."""
    try:
        student.target(*arguments, double=double)
    except error:
        return
    pytest.fail(f"No `{error.__name__}` was raised for {what}.")


@points(2)
def test_plain_target_takes_the_greatest_value(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Without `double` the greatest value of each row of the target network counts."""
    shapes = [*odd_shapes(gen, 2), (5, 5), (3, 8), (3, 8)]
    cases = [(draw_batch(gen, shape, device), draw_settings(gen)) for shape in shapes]
    # New numbers in an old shape, and old numbers after new ones: no call may remember another.
    for batch, settings in [*cases, cases[4]]:
        assert_target(student, batch, settings, double=False)


@points(2)
def test_double_lets_the_online_network_choose(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With `double` the online network chooses the action, and the target network values it."""
    shapes = [*odd_shapes(gen, 2), (5, 5), (3, 8), (3, 8)]
    cases = [(draw_batch(gen, shape, device, ending=0.1), draw_settings(gen)) for shape in shapes]
    for batch, settings in [*cases, cases[4]]:
        assert_target(student, batch, settings, double=True)


@points(2)
def test_done_leaves_the_reward_alone(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Where the task is done the target is the reward, everywhere else it is more than that."""
    batch = draw_batch(gen, (12, 5), device)
    settings = draw_settings(gen)
    flags = (torch.arange(12, device=device) % 3 == 0, torch.arange(12, device=device) % 4 != 2)
    for done in (*flags, torch.ones_like(flags[0])):
        for double in BOTH:
            case = [batch[REWARDS], done, *batch[ONLINE:]]
            assert_target(student, case, settings, double=double)
    for double in BOTH:
        assert_target(student, nobody_done(batch), settings, double=double)


@points(2)
def test_discount_is_gamma_to_the_n(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """After n steps a value is discounted n times, by any gamma from 0 to 1."""
    batch = nobody_done(draw_batch(gen, (7, 4), device))
    gamma = draw_settings(gen)[0]
    settings = ((gamma, 1), (gamma, 2), (gamma, 3), (gamma, 7), (0.995, 200))
    for case in (*settings, (1.0, 4), (0.0, 1), (0.0, 3), (1, 1)):
        for double in BOTH:
            assert_target(student, batch, case, double=double, c=64)


@points(1)
def test_targets_carry_no_graph(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The targets are data: no gradient flows back into either network or the rewards."""
    batch = draw_batch(gen, (6, 3), device)
    settings = draw_settings(gen)
    for place in (REWARDS, ONLINE, TARGET):
        for double in BOTH:
            inputs = [x.clone().requires_grad_(place == other) for other, x in enumerate(batch)]
            result = student.target(*inputs, *settings, double=double)
            due = expected_target(batch, settings, double=double)
            assert_values_match(result, due, scale=SCALE, what="the target")
            if result.requires_grad:
                pytest.fail(f"The targets carry a graph that leads to `{NAMES[place]}`.")


@points(1)
def test_rows_that_are_done_are_not_read(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """NaN or infinity at a state where the task is done does not reach the target."""
    batch = draw_batch(gen, (9, 4), device, torch.float32)
    settings = draw_settings(gen)
    batch[DONE] = torch.arange(9, device=device) % 2 == 0
    for filler in (math.nan, -math.inf, math.inf):
        for place in (ONLINE, TARGET):
            batch[place] = batch[place].masked_fill(batch[DONE][:, None], filler)
        for double in BOTH:
            assert_target(student, batch, settings, double=double)


@points(1)
def test_unavailable_actions_are_never_chosen(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Minus infinity marks an action that cannot be taken, and the others count as ever."""
    batch = draw_batch(gen, (11, 6), device, torch.float32)
    settings = draw_settings(gen)
    closed = torch.rand((11, 6), generator=gen) < 0.5
    closed[torch.arange(11), torch.randint(6, (11,), generator=gen)] = False
    for place in (ONLINE, TARGET):
        batch[place] = batch[place].masked_fill(closed.to(device), -math.inf)
    # Every number is better than minus infinity, however bad.
    low = [*batch[:ONLINE], *(1e30 * (table - 50) for table in batch[ONLINE:])]
    for case in (batch, low):
        for double in BOTH:
            assert_target(student, case, settings, double=double)


@points(1)
def test_equal_values_count_once(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Where actions are equally good, one of them counts: not their sum, nor their mean."""
    batch = nobody_done(draw_batch(gen, (8, 5), device))
    settings = draw_settings(gen)
    # Equal in both networks, so that it does not matter which of them is chosen.
    for place in (ONLINE, TARGET):
        batch[place] = batch[place].clone()
        batch[place][:, 1::2] = 9.0 + batch[place][:, :1]
    for double in BOTH:
        assert_target(student, batch, settings, double=double)
    # Equal in the online network alone: the value of one of these actions, whichever, is due.
    table = batch[TARGET] + torch.arange(5, device=device)
    found = student.target(*batch[:ONLINE], batch[ONLINE], table, *settings, double=True)
    gamma, n = settings
    due = batch[REWARDS][:, None] + gamma**n * table[:, 1::2]  # [8, 2]
    nearest = (found[:, None] - due).abs().argmin(1, keepdim=True)
    assert_values_match(found, due.gather(1, nearest)[:, 0], scale=9.0, what="the target")
    flat = [*batch[:ONLINE], torch.zeros_like(batch[ONLINE]), torch.full_like(batch[TARGET], 1.5)]
    for double in BOTH:
        assert_target(student, flat, settings, double=double)


@points(1)
def test_plain_target_does_not_read_the_online_network(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Without `double` it does not matter what `q_online` holds, be it NaN."""
    batch = draw_batch(gen, (7, 4), device)
    settings = draw_settings(gen)
    for filler in (math.nan, math.inf):
        batch[ONLINE] = torch.full_like(batch[ONLINE], filler)
        assert_target(student, batch, settings, double=False)
    best = batch[TARGET] == batch[TARGET].amax(1, keepdim=True)
    batch[ONLINE] = torch.zeros_like(batch[ONLINE]).masked_fill(best, -math.inf)
    assert_target(student, nobody_done(batch), settings, double=False)


@points(2)
def test_half_precision_is_rounded_once(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The targets have the dtype of the rewards, and half precision is rounded at the end."""
    dtypes = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    batches = [draw_batch(gen, (40, 3), device, dtype, ending=0.1) for dtype in dtypes]
    for batch in batches:
        # Rewards near -150 and values near 300: what is rounded on the way shows in the sum.
        batch[REWARDS] = batch[REWARDS] - 150
        batch[TARGET] = batch[TARGET] + 300
        # Computed wider than it is returned, a target shows no error of its terms.
        scale = 1.0 if batch[TARGET].dtype in HALF else 300.0
        for double in BOTH:
            assert_target(student, batch, (0.7, 2), double=double, c=1, scale=scale)


@points(1)
def test_one_sample_one_action_and_no_sample(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A batch of one sample, of one action or of no sample gives a target of its length."""
    shapes = ((1, 1), (1, 5), (6, 1), (0, 3), (0, 1))
    batches = [draw_batch(gen, shape, device) for shape in shapes]
    settings = draw_settings(gen)
    for batch in batches:
        for double in BOTH:
            assert_target(student, nobody_done(batch), settings, double=double)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded inputs are read as they are, and no input is changed."""
    dtypes = (torch.float64, torch.float32, torch.float16)
    batches = [draw_batch(gen, (6, 4), device, dtype) for dtype in dtypes]
    settings = draw_settings(gen)
    for batch in batches:
        layouts = [strided(x) for x in batch]
        for place in range(len(layouts[0])):
            inputs = [
                layout[(place + which) % len(layout)][1] for which, layout in enumerate(layouts)
            ]
            assert_pure(student.target, *inputs, *settings, double=place % 2 == 0)
            assert_target(student, inputs, settings, double=place % 2 == 0)
    # Where the rewards are all that counts, the targets still are no other name for them.
    everybody = [batches[0][REWARDS], torch.ones_like(batches[0][DONE]), *batches[0][ONLINE:]]
    assert_pure(student.target, *everybody, *settings, double=False)
    assert_pure(student.target, *nobody_done(batches[0]), 0.0, 2, double=True)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Shapes that do not fit, no action, other flags than bools, a bad gamma or n are errors."""
    batch = draw_batch(gen, (4, 3), device)
    settings = draw_settings(gen)
    for double in BOTH:
        assert_target(student, batch, settings, double=double)  # a good call is not refused
    for place, tensor in enumerate(batch):
        odd_ones = [tensor[:1], tensor[:3], tensor[0], tensor[None], tensor[..., None]]
        if tensor.dim() > 1:
            odd_ones += [tensor[:, :1], tensor[:, :2], tensor[:, 0], tensor[:, :0]]
        for odd in odd_ones:
            arguments = (*batch[:place], odd, *batch[place + 1 :], *settings)
            what = f"`{NAMES[place]}` of shape {tuple(odd.shape)} for 4 samples and 3 actions"
            assert_refused(student, arguments, ValueError, what, double=place % 2 == 0)
    no_action = [*batch[:ONLINE], batch[ONLINE][:, :0], batch[TARGET][:, :0]]
    assert_refused(student, (*no_action, *settings), ValueError, "a table without actions")
    single = [batch[REWARDS][:1], batch[DONE][:1], *batch[ONLINE:]]
    assert_refused(student, (*single, *settings), ValueError, "one reward for four rows")
    column = [x[:, None] for x in batch[:ONLINE]] + batch[ONLINE:]
    assert_refused(student, (*column, *settings), ValueError, "rewards and flags of shape (4, 1)")
    lines = [*batch[:ONLINE], batch[ONLINE][:, 0], batch[TARGET][:, 0]]
    assert_refused(student, (*lines, *settings), ValueError, "tables of shape (4,)")
    for dtype in (torch.float64, torch.int64, torch.uint8):
        odd_flag = (batch[REWARDS], batch[DONE].to(dtype), *batch[ONLINE:], *settings)
        assert_refused(student, odd_flag, TypeError, f"`done` of dtype {dtype}")
    for odd_settings in ((-0.1, 2), (1.01, 2), (0.9, 0), (0.9, -1)):
        assert_refused(student, (*batch, *odd_settings), ValueError, "a bad `gamma` or `n`")
