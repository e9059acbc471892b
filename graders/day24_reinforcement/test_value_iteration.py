"""The hidden suite of `value_iteration`.

An MDP is the two tensors of the exercise. What is right is found by policy iteration, whose linear
systems give exact values.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Mismatch,
    Student,
    assert_pure,
    assert_values_match,
    fresh,
    points,
    strided,
)
from dlcourse.testing.sketch import sketch_of

Mdp: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # transitions [S, A, S], rewards [S, A]

SIZES = ((5, 3), (3, 6), (4, 4))  # S, A
ROUNDING = 1e-11  # of float64, in units of the largest value


def draw_mdp(gen: torch.Generator, states: int, actions: int) -> Mdp:
    """Draw an MDP in which each action leads to a few of the states, to one most of all."""
    weights = torch.rand((states, actions, states), generator=gen, dtype=torch.float64)
    weights = weights**4 + 1e-3
    rewards = torch.randn((states, actions), generator=gen, dtype=torch.float64)
    return weights / weights.sum(2, keepdim=True), rewards


def draw_gamma(gen: torch.Generator, low: float, high: float) -> float:
    """Draw a discount between `low` and `high`."""
    return low + (high - low) * float(torch.rand((), generator=gen, dtype=torch.float64))


def stay(rewards: torch.Tensor) -> Mdp:
    """Return an MDP, S = number of rewards, whose every state keeps itself for its reward.

    A second action does the same for a reward less by 1.
    """
    states = len(rewards)
    transitions = torch.eye(states, dtype=torch.float64)[:, None].repeat(1, 2, 1)
    return transitions, torch.stack([rewards, rewards - 1], dim=1)


def tempting(gen: torch.Generator) -> Mdp:
    """Return an MDP in which action 0 of state 0 pays at once, and action 1 leads where 3 is paid.

    From gamma = 1/2 on action 1 is the better one, whatever is drawn.
    """
    transitions = torch.tensor([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], dtype=torch.float64)
    pay = float(torch.rand((), generator=gen, dtype=torch.float64))
    return transitions, torch.tensor([[pay, 0.0], [3.0, 2.0]], dtype=torch.float64)


def optimal(mdp: Mdp, gamma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return V*, [S], and Q*, [S, A], by policy iteration."""
    transitions, rewards = mdp
    states = torch.arange(len(rewards))
    policy = rewards.argmax(1)
    while True:
        system = torch.eye(len(rewards), dtype=torch.float64) - gamma * transitions[states, policy]
        values = torch.linalg.solve(system, rewards[states, policy])
        q = rewards + gamma * torch.einsum("sat,t->sa", transitions, values)
        better = q.argmax(1)
        gain = q[states, better] - q[states, policy]
        if bool((gain <= ROUNDING * (1 + q.abs().max())).all()):
            return values, q
        policy = better


def assert_within(student: Student, mdp: Mdp, gamma: float, tol: float) -> None:
    """Assert that values are within `tol` of the optimal ones, and actions within twice as much."""
    values, policy = student.vi(*mdp, gamma, tol)
    best, q = optimal(mdp, gamma)
    slack = ROUNDING * (1 + float(q.abs().max()))
    far = ~((values - best).abs() <= tol + slack)
    if bool(far.any()):
        # The sketch tells apart mistakes that are wrong at as many states.
        raise Mismatch(
            f"`V` lies further than `tol` from the optimal values at {int(far.sum())} of "
            f"{len(far)} states, with gamma = {gamma:.2f}.",
            sketch=sketch_of(values),
        )
    if not bool(((policy >= 0) & (policy < q.shape[1])).all()):
        pytest.fail("`pi` holds a number that is no action.")
    regret = best - q.gather(1, policy[:, None])[:, 0]
    worse = regret > 2 * tol + slack
    if bool(worse.any()):
        pytest.fail(
            f"`pi` takes an action that is not the best at {int(worse.sum())} of {len(worse)} "
            f"states, with gamma = {gamma:.2f}."
        )


def assert_refused(student: Student, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        student.vi(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@points(2)
def test_values_and_policy_are_optimal(student: Student, gen: torch.Generator) -> None:
    """With a small tolerance the values solve Bellman's equation and the policy is the best one."""
    mdps = [*(draw_mdp(gen, *size) for size in (*SIZES, SIZES[0])), tempting(gen)]
    cases = [(mdp, draw_gamma(gen, 0.6, 0.9)) for mdp in mdps]
    # New numbers in an old shape, and old numbers after new ones: no call may remember another.
    for mdp, gamma in [*cases, cases[0]]:
        assert_within(student, mdp, gamma, 1e-7)


@points(2)
def test_error_is_at_most_the_tolerance(student: Student, gen: torch.Generator) -> None:
    """However slowly the values converge, the error left at the end is at most `tol`."""
    mdps = [draw_mdp(gen, 6, 2), draw_mdp(gen, 2, 5)]
    shift = 1 + float(torch.rand((), generator=gen, dtype=torch.float64))
    gammas = (draw_gamma(gen, 0.1, 0.3), draw_gamma(gen, 0.6, 0.7), draw_gamma(gen, 0.93, 0.96))
    for transitions, rewards in mdps:
        for gamma in gammas:
            for tol in (0.3, 1e-3):
                # All rewards positive: every value lags behind in the same direction.
                assert_within(student, (transitions, rewards.abs() + shift), gamma, tol)


@points(1)
def test_gamma_near_one_takes_thousands_of_sweeps(student: Student, gen: torch.Generator) -> None:
    """Near gamma = 1 the error is awaited as long as it takes: no number of sweeps is fixed."""
    rewards = 1 + torch.rand(1, generator=gen, dtype=torch.float64)
    # 10,000 sweeps leave an error of at least 0.045.
    assert_within(student, stay(rewards), 0.999, 0.03)


@points(1)
def test_falling_values_are_awaited_too(student: Student, gen: torch.Generator) -> None:
    """Where all rewards are negative the values fall, and a fall is a change like a rise."""
    mdp = draw_mdp(gen, 4, 3)
    gamma = draw_gamma(gen, 0.85, 0.95)
    costs = (mdp[0], -mdp[1].abs() - 1)
    for tol in (0.1, 1e-6):
        assert_within(student, costs, gamma, tol)


@points(1)
def test_last_state_to_settle_decides(student: Student, gen: torch.Generator) -> None:
    """One slow state among many that have settled keeps the iteration going: the maximum counts."""
    places = torch.randint(12, (2,), generator=gen).tolist()
    size = 1 + float(torch.rand((), generator=gen, dtype=torch.float64))
    gamma = draw_gamma(gen, 0.8, 0.9)
    for place, sign in zip(places, (1.0, -1.0), strict=True):
        rewards = torch.zeros(12, dtype=torch.float64)
        rewards[place] = sign * size
        for tol in (0.3, 0.01, 1e-5):
            assert_within(student, stay(rewards), gamma, tol)


@points(1)
def test_rewards_far_away_are_awaited(student: Student, gen: torch.Generator) -> None:
    """A value that has not begun to move, or a policy that rests, is no reason to stop."""
    # A corridor: action 1 walks on, action 0 stays in state 0 alone, and only the last state pays.
    # No better action shows until its reward has come all the way.
    length = int(torch.randint(24, 30, (), generator=gen))
    transitions = torch.zeros((length, 2, length), dtype=torch.float64)
    steps = torch.arange(length)
    for action in (0, 1):
        transitions[steps, action, (steps + 1).clamp(max=length - 1)] = 1
    transitions[0, 0] = torch.eye(length, dtype=torch.float64)[0]
    rewards = torch.zeros((length, 2), dtype=torch.float64)
    rewards[-1] = 1 + torch.rand((), generator=gen, dtype=torch.float64)
    gamma = draw_gamma(gen, 0.88, 0.92)
    assert_within(student, (transitions, rewards), gamma, 1e-3)
    # One large change that is over at once, and a small one that goes on.
    transitions = torch.tensor([[0, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)[:, None]
    rewards = torch.tensor([[1000.0], [0.0], [1.0]], dtype=torch.float64)
    assert_within(student, (transitions, rewards), gamma, 0.01)


@points(1)
def test_last_sweep_is_the_one_returned(student: Student, gen: torch.Generator) -> None:
    """The values are those of the sweep that met the bound, not those of the one before."""
    rewards = 1 + torch.rand(3, generator=gen, dtype=torch.float64)
    gamma = draw_gamma(gen, 0.15, 0.25)
    for tol in (0.1, 0.02, 1e-3):
        assert_within(student, stay(rewards), gamma, tol)


@points(2)
def test_ties_go_to_the_lowest_action(student: Student, gen: torch.Generator) -> None:
    """Of several actions that are equally good the policy takes the lowest."""
    states, actions = 8, 5
    following = torch.randint(states, (states,), generator=gen)
    rewards = torch.randint(-3, 4, (states, 1), generator=gen).double().repeat(1, actions)
    tied = torch.rand((states, actions), generator=gen) < 0.5
    tied[:, 3:] = True
    tied[::2, 0] = False
    # One successor each, whole rewards, gamma = 1/2: no rounding breaks a tie.
    rewards[~tied] -= 5
    transitions = torch.zeros((states, actions, states), dtype=torch.float64)
    transitions[torch.arange(states), :, following] = 1
    assert_within(student, (transitions, rewards), 0.5, 1e-6)
    policy = student.vi(transitions, rewards, 0.5, 1e-6)[1]
    assert_values_match(policy, tied.long().argmax(1), what="`pi`")


@points(1)
def test_without_a_future_the_greatest_reward_counts(
    student: Student, gen: torch.Generator
) -> None:
    """With gamma = 0 the values are the greatest rewards, and nothing is divided by 0."""
    mdps = [draw_mdp(gen, *size) for size in SIZES]
    for mdp in mdps:
        assert_within(student, mdp, 0.0, 1e-6)
    # A large tolerance is none for the policy: it is the best one by Q, which is the reward.
    for transitions, rewards in mdps:
        for tol in (1e-9, 100.0):
            policy = student.vi(transitions, rewards, 0.0, tol)[1]
            assert_values_match(policy, rewards.sort(dim=1).indices[:, -1], what="`pi`")


@points(1)
def test_one_state_or_one_action(student: Student, gen: torch.Generator) -> None:
    """A single state, a single action, and absorbing states without reward have their values."""
    mdps = [draw_mdp(gen, *size) for size in ((1, 1), (1, 4), (5, 1))]
    gamma = draw_gamma(gen, 0.6, 0.8)
    for mdp in mdps:
        assert_within(student, mdp, gamma, 1e-7)
    transitions, rewards = draw_mdp(gen, 4, 2)
    transitions[1:3] = torch.eye(4, dtype=torch.float64)[1:3, None]
    rewards[1:3] = 0
    assert_within(student, (transitions, rewards), gamma, 1e-7)


@points(2)
def test_transitions_must_be_probabilities(student: Student, gen: torch.Generator) -> None:
    """Rows that do not add up to 1, and entries that are negative or NaN, raise a ValueError."""
    transitions, rewards = draw_mdp(gen, 4, 3)
    gamma = draw_gamma(gen, 0.6, 0.8)
    assert_within(student, (transitions, rewards), gamma, 1e-6)  # a good call is not refused
    # Off by rounding is not off, and what is given counts as it stands.
    assert_within(student, (transitions * (1 - 8e-7), rewards), gamma, 1e-8)
    places = (
        torch.randperm(4, generator=gen)[:2].tolist(),
        torch.randperm(3, generator=gen).tolist(),
    )
    for state, action in zip(*places, strict=False):

        def changed(row: torch.Tensor, state: int = state, action: int = action) -> torch.Tensor:
            other = transitions.clone()
            other[state, action] = row
            return other

        row = transitions[state, action]
        for factor in (1.0000015, 0.9999985, 1.000003, 0.999997, 1.0001, 0.9999, 0.0, 2.0):
            what = "probabilities that do not add up to 1"
            assert_refused(student, (changed(row * factor), rewards, gamma, 1e-6), what)
        for below in (2.0, 1e-8):
            negative = row.clone()
            negative[1] += row[3] + below
            negative[3] = -below
            what = "a negative probability"
            assert_refused(student, (changed(negative), rewards, gamma, 1e-6), what)
        assert_refused(student, (changed(row * math.nan), rewards, gamma, 1e-6), "a NaN")
    # Here the probabilities add up over axis 0: the last axis is the one that counts.
    turned = transitions.permute(2, 1, 0)
    assert_refused(student, (turned, rewards, gamma, 1e-6), "probabilities along another axis")


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(student: Student, gen: torch.Generator) -> None:
    """Transposed, sliced and expanded inputs are read as they are, and no input is changed."""
    transitions, rewards = draw_mdp(gen, 4, 3)
    gamma = draw_gamma(gen, 0.6, 0.8)
    for (_, by_layout), (_, costs) in zip(strided(transitions), strided(rewards), strict=True):
        assert_pure(student.vi, by_layout, costs, gamma, 1e-6)
        assert_within(student, (by_layout, costs), gamma, 1e-6)


@points(1)
def test_bad_arguments_are_refused(student: Student, gen: torch.Generator) -> None:
    """Shapes that do not fit, no state or action, and a bad gamma or tol raise a ValueError."""
    transitions, rewards = draw_mdp(gen, 3, 2)
    gamma = draw_gamma(gen, 0.6, 0.8)
    assert_within(student, (transitions, rewards), gamma, 1e-6)  # a good call is not refused
    ones = torch.ones((3, 2, 1), dtype=torch.float64)
    shapes = [
        (transitions, rewards[:, :1]),
        (transitions, rewards[:1]),
        (transitions, rewards[0]),
        (transitions, rewards[..., None]),
        (transitions[:, :1], rewards),
        (transitions[:1], rewards),
        (transitions[0], rewards),
        (transitions[None], rewards),
        (ones, rewards),
        (transitions[:, 0], rewards[:, 0]),
        (transitions[:, :0], rewards[:, :0]),
        (transitions[:0, :, :0], rewards[:0]),
    ]
    for odd in shapes:
        what = (
            f"`transitions` of shape {tuple(odd[0].shape)} and `rewards` of {tuple(odd[1].shape)}"
        )
        assert_refused(student, (*odd, gamma, 1e-6), what)
    for bad_gamma, bad_tol in ((-0.1, 1e-6), (1.0, 1e-6), (1.5, 1e-6), (gamma, 0.0), (gamma, -1.0)):
        assert_refused(student, (transitions, rewards, bad_gamma, bad_tol), "a bad gamma or tol")
