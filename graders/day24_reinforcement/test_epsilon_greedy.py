"""The hidden suite of `epsilon_greedy`.

What is drawn is told relative to the best action, whose place differs from row to row.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_frequencies,
    assert_pure,
    assert_rate,
    assert_refused,
    assert_reproducible,
    assert_values_match,
    fresh,
    odd_shapes,
    points,
    spawn,
    strided,
)

DRAWS = 6000
TOO_EVEN = 1e-6  # the p-value at which draws are more regular than chance
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def draw_values(
    gen: torch.Generator, shape: tuple[int, ...], dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """Draw Q-values, [B, A], whose ranks within a row are random and without ties."""
    ranks = torch.rand(shape, generator=gen).argsort(dim=1)
    level = torch.randint(-20, 3, (shape[0], 1), generator=gen)
    return (ranks + level).to(dtype)


def best_actions(q_values: torch.Tensor) -> torch.Tensor:
    """Return the lowest of the best actions, [B], row by row."""
    rows = q_values.double().tolist()
    return torch.tensor([row.index(max(row)) for row in rows], dtype=torch.int64)


def draw_epsilon(gen: torch.Generator) -> float:
    """Draw an epsilon between 0.3 and 0.6."""
    return 0.3 + 0.3 * float(torch.rand((), generator=gen, dtype=torch.float64))


def relative(student: Student, q_values: torch.Tensor, epsilon: float, gen: Any) -> torch.Tensor:
    """Return how far each action, [B], lies behind the best one, counted in a circle."""
    actions: torch.Tensor = student.act(q_values, epsilon, gen)
    if bool(((actions < 0) | (actions >= q_values.shape[1])).any()):
        return torch.full_like(actions, -1)  # no category, and told as such
    return (actions - best_actions(q_values)) % q_values.shape[1]


def lower_tail(statistic: torch.Tensor, freedom: int) -> float:
    """Return the probability that a chi-square statistic is as small as this."""
    return float(torch.special.gammainc(torch.tensor(freedom / 2).double(), statistic / 2))


@points(2)
def test_without_epsilon_the_best_action_is_taken(student: Student, gen: torch.Generator) -> None:
    """With epsilon = 0 every row takes its greatest value, the lowest action on a tie."""
    sizes = [*odd_shapes(gen, 2), (5, 5), (9, 4), (9, 4)]
    tables = [draw_values(gen, size) for size in sizes]
    tables += [draw_values(gen, (7, 4), dtype) for dtype in DTYPES]
    # Large numbers that differ by little, numbers that float32 cannot tell apart, and -inf.
    tables += [1e6 + draw_values(gen, (6, 5)), 1 + 1e-12 * draw_values(gen, (6, 5))]
    tables += [
        draw_values(gen, (6, 5)).masked_fill(torch.rand(6, 5, generator=gen) < 0.5, -math.inf)
    ]
    tied = torch.randint(2, (40, 6), generator=gen).double()
    source = spawn(gen)
    for q_values in [*tables, tied, tables[3], torch.zeros(3, 5)]:
        actions = student.act(q_values, 0.0, source)
        assert_values_match(actions, best_actions(q_values), what="the action")


@points(2)
def test_with_epsilon_one_every_action_is_as_likely(student: Student, gen: torch.Generator) -> None:
    """With epsilon = 1 all A actions come up equally often, whatever the values."""
    for actions in (3, 7):
        # The best action is the same in all rows: it is drawn as often as any other.
        q_values = torch.arange(actions).double().roll(2).expand(DRAWS, actions).contiguous()

        def draw(g: torch.Generator, q_values: torch.Tensor = q_values) -> torch.Tensor:
            result: torch.Tensor = student.act(q_values, 1.0, g)
            return result

        assert_frequencies(draw, [1 / actions] * actions, gen=gen, what="the actions")


@points(3)
def test_best_action_is_among_those_drawn(student: Student, gen: torch.Generator) -> None:
    """The best action has the probability 1 - epsilon + epsilon / A, each other epsilon / A."""
    for actions, epsilon in ((2, 0.6), (5, draw_epsilon(gen)), (4, 0.9), (6, 0.3)):
        q_values = draw_values(gen, (DRAWS, actions))
        if actions > 4:  # one best action for all rows shows what else is drawn
            q_values = q_values[:1].expand(DRAWS, actions).contiguous()
        probabilities = [1 - epsilon + epsilon / actions] + [epsilon / actions] * (actions - 1)

        def draw(
            g: torch.Generator, q_values: torch.Tensor = q_values, epsilon: float = epsilon
        ) -> torch.Tensor:
            return relative(student, q_values, epsilon, g)

        assert_frequencies(draw, probabilities, gen=gen, what="the actions after the best one")


@points(2)
def test_each_row_decides_for_itself(student: Student, gen: torch.Generator) -> None:
    """Whether a row draws, and what, tells nothing about another row of the batch."""
    actions, epsilon = 5, draw_epsilon(gen)
    q_values = draw_values(gen, (2 * DRAWS, actions))
    strays = epsilon * (1 - 1 / actions)
    both = [(1 - strays) ** 2, strays * (1 - strays), strays * (1 - strays), strays**2]

    def neighbours(g: torch.Generator) -> torch.Tensor:
        strayed = (relative(student, q_values, epsilon, g) != 0).long()
        return 2 * strayed[::2] + strayed[1::2]

    def halves(g: torch.Generator) -> torch.Tensor:
        strayed = (relative(student, q_values, epsilon, g) != 0).long()
        return 2 * strayed[:DRAWS] + strayed[DRAWS:]

    def differences(g: torch.Generator) -> torch.Tensor:
        drawn: torch.Tensor = student.act(q_values, 1.0, g)
        return (drawn[::2] - drawn[1::2]) % actions

    assert_frequencies(neighbours, both, gen=gen, what="the pairs of neighbouring rows")
    assert_frequencies(halves, both, gen=gen, what="the pairs of distant rows")
    assert_frequencies(
        differences, [1 / actions] * actions, gen=gen, what="the differences between rows"
    )


@points(2)
def test_how_many_rows_draw_varies(student: Student, gen: torch.Generator) -> None:
    """Neither the number of rows that draw nor that of each action is any steadier than chance."""
    rows, actions, epsilon, calls = 200, 50, 0.5, 16
    q_values, source = draw_values(gen, (rows, actions)), spawn(gen)
    strays = epsilon * (1 - 1 / actions)
    statistic = torch.zeros((), dtype=torch.float64)
    for _ in range(calls):
        count = int((relative(student, q_values, epsilon, source) != 0).sum())
        statistic += (count - rows * strays) ** 2 / (rows * strays * (1 - strays))
    if lower_tail(statistic, calls) < TOO_EVEN:
        pytest.fail("About the same number of rows draws in every call.")
    best = student.act(q_values, 0.0, source)
    assert_values_match(best, best_actions(q_values), what="the action")
    due = DRAWS / actions
    drawn = student.act(q_values[:1].expand(DRAWS, actions).contiguous(), 1.0, source)
    counts = drawn.clamp(0, actions - 1).bincount(minlength=actions)
    if lower_tail((counts - due).square().sum().double() / due, actions - 1) < TOO_EVEN:
        pytest.fail("With epsilon = 1 the actions come up more evenly than independent draws do.")


@points(1)
def test_rare_exploration_is_as_rare_in_half_precision(
    student: Student, gen: torch.Generator
) -> None:
    """A small epsilon is the probability to draw, whatever the dtype of the values."""
    best = int(torch.randint(8, (), generator=gen))
    for dtype in (torch.bfloat16, torch.float16):
        q_values = (torch.arange(8) == best).to(dtype).repeat(10 * DRAWS, 1)

        def strayed(g: torch.Generator, q_values: torch.Tensor = q_values) -> torch.Tensor:
            actions: torch.Tensor = student.act(q_values, 1e-5, g)
            return actions != best

        assert_rate(strayed, 1e-5 * 7 / 8, gen=gen, what="the actions that are not the best")


@points(1)
def test_values_decide_nothing_with_epsilon_one(student: Student, gen: torch.Generator) -> None:
    """With epsilon = 1 the same generator draws the same actions for any values."""
    seed = int(torch.randint(1 << 60, (), generator=gen))
    q_values = draw_values(gen, (60, 7))
    one, other = (
        student.act(table, 1.0, torch.Generator().manual_seed(seed))
        for table in (q_values, -q_values)
    )
    assert_values_match(other, one, what="the action for other values")
    best = student.act(q_values, 0.0, spawn(gen))
    assert_values_match(best, best_actions(q_values), what="the action")


@points(2)
def test_generator_decides(student: Student, gen: torch.Generator) -> None:
    """The same state of the generator gives the same actions, and it advances with each call."""
    q_values = draw_values(gen, (60, 9))
    epsilon = draw_epsilon(gen)
    strays = epsilon * 8 / 9
    table = q_values.repeat(DRAWS // 60, 1)
    assert_frequencies(
        lambda g: (relative(student, table, epsilon, g) != 0).long(),
        [1 - strays, strays],
        gen=gen,
        what="the actions that are not the best",
    )
    assert_reproducible(
        lambda g: student.act(q_values, epsilon, g), gen, what="the tensor of actions"
    )


@points(1)
def test_one_state_one_action_and_no_state(student: Student, gen: torch.Generator) -> None:
    """A single state or action and an empty batch give a result of B actions."""
    tables = [draw_values(gen, size) for size in ((1, 1), (6, 1), (0, 3), (1, 5))]
    epsilon = draw_epsilon(gen)
    source = spawn(gen)
    for q_values in tables:
        actions = student.act(q_values, 0.0, source)
        assert_values_match(actions, best_actions(q_values), what="the action")
    for q_values in tables[:3]:
        for chance in (epsilon, 1.0):
            actions = student.act(q_values, chance, source)
            assert_values_match(actions, torch.zeros(len(q_values)).long(), what="the action")


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(student: Student, gen: torch.Generator) -> None:
    """Transposed, sliced and expanded values are read as they are, and none is changed."""
    q_values = draw_values(gen, (7, 4))
    source = spawn(gen)
    for dtype in (torch.float64, torch.float32):
        for _, layout in strided(q_values.to(dtype)):
            assert_pure(student.act, layout, 0.5, spawn(gen))
            actions = student.act(layout, 0.0, source)
            assert_values_match(actions, best_actions(layout), what="the action")


@points(1)
def test_bad_arguments_are_refused(student: Student, gen: torch.Generator) -> None:
    """Values that are no [B, A], no action, and an epsilon outside of 0 to 1 are refused."""
    q_values = draw_values(gen, (4, 3))
    source = spawn(gen)
    actions = student.act(q_values, 0.0, source)  # a good call is not refused
    assert_values_match(actions, best_actions(q_values), what="the action")
    for odd in (q_values[0], q_values[None], q_values[0, 0], q_values[:, :0], q_values[:0, :0]):
        what = f"`q_values` of shape {tuple(odd.shape)}"
        assert_refused(partial(student.act, odd, 0.5, source), ValueError, what)
    for epsilon in (-0.01, 1.01):
        call = partial(student.act, q_values, epsilon, source)
        assert_refused(call, ValueError, f"an `epsilon` of {epsilon}")
