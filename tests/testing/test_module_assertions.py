"""Modules and optimizers: what right ones keep to, and how each slip is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from dlcourse.sandbox.faults import MissingName
from dlcourse.testing import (
    Mismatch,
    assert_deepcopy,
    assert_eval_is_deterministic,
    assert_optimizer_resumes,
    assert_parameters,
    assert_state_dict_round_trip,
    assert_train_differs,
    optimizer_steps,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Enrol

NORM = """
import torch
from torch import nn

class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.register_buffer("mean", torch.zeros(width))

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.mean.mul_(0.5).add_(0.5 * x.mean(0))
            return (x - x.mean(0)) * self.weight
        return (x - self.mean) * self.weight
"""
PLAIN_BUFFER = NORM.replace(
    'self.register_buffer("mean", torch.zeros(width))', "self.mean = torch.zeros(width)"
)
NO_PARAMETER = NORM.replace("nn.Parameter(torch.ones(width))", "torch.rand(width)")
OTHER_NAME = NORM.replace("weight", "scale")
SURPLUS = NORM.replace(
    "super().__init__()", "super().__init__(); self.b = nn.Parameter(torch.ones(1))"
)
OTHER_SHAPE = NORM.replace("ones(width)", "ones(1, width)")
FROZEN = NORM.replace("torch.ones(width)", "torch.ones(width), requires_grad=False")
MOVES_IN_EVAL = NORM.replace("if self.training:", "if True:")
DROPS_IN_EVAL = NORM.replace("return (x - self.mean)", "return (x - self.mean + torch.rand(1))")
LEAVES_EVAL = NORM.replace("    return (x - self.mean)", "    self.train(); return (x - self.mean)")
NEVER_TRAINS = NORM.replace("if self.training:", "if False:")
STUCK = NORM.replace("self.mean.mul_(0.5).add_(0.5 * x.mean(0))", "x.mean(0)")
TRAINS_ITSELF = NORM.replace("self.mean.mul_(0.5)", "self.weight.add_(1); self.mean.mul_(0.5)")
SHARED = (
    NORM
    + """
    def __deepcopy__(self, memo):
        twin = Norm(len(self.weight))
        twin.weight, twin.mean = self.weight, self.mean
        return twin.train(self.training)
"""
)
FORGETS = (
    NORM.replace("torch.ones(width)", "torch.rand(width)")
    + """
    def __deepcopy__(self, memo):
        return Norm(len(self.weight))
"""
)

ADAM = """
import torch

class Adam(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1, beta=0.9):
        super().__init__(params, {"lr": lr, "beta": beta})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["m"] = torch.zeros_like(p)
                state["step"] += 1
                state["m"].lerp_(p.grad, 1 - group["beta"])
                p.sub_(group["lr"] * state["m"] / (1 - group["beta"] ** state["step"]))
"""
OWN_COUNT = ADAM.replace('state["step"] += 1', "self.n = getattr(self, 'n', 0) + 1").replace(
    'state["step"])', "self.n)"
)
STATE_ELSEWHERE = ADAM.replace(
    "self.state[p]", "vars(self).setdefault('own', {}).setdefault(p, {})"
)
ZERO_FOR_NONE = ADAM.replace("continue", "p.grad = torch.zeros_like(p)")


def seeded() -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(4)


def x() -> torch.Tensor:
    """Return a batch [6, 3]."""
    return torch.randn(6, 3, generator=seeded())


def refused(check: Callable[[], None]) -> str:
    """Return what a check that fails says."""
    with pytest.raises(Mismatch) as caught:
        check()
    return str(caught.value)


def test_a_right_module_passes(anywhere: Enrol) -> None:
    """Every assertion, in any order, on one module."""
    student = anywhere(NORM)
    module = student.Norm(3)
    assert_parameters(module, {"weight": (3,)}, {"mean": (3,)})
    assert_train_differs(module, x(), buffers=("mean",))
    assert_eval_is_deterministic(module, x())
    assert module.training
    assert_state_dict_round_trip(lambda: student.Norm(3), x(), gen=seeded())
    assert_deepcopy(student, "Norm", (x(),), 3)
    assert_deepcopy(student, "Norm", (x(),), width=3)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (NO_PARAMETER, "There is no parameter `weight`: register it under this name."),
        (OTHER_NAME, "There is no parameter `weight`: register it under this name."),
        (
            NORM.replace(
                "super().__init__()", "super().__init__(); self.b = nn.Parameter(torch.ones(1))"
            ),
            "There is a parameter `b` that is not due.",
        ),
        (
            NORM.replace("ones(width)", "ones(1, width)"),
            "The parameter `weight` has shape (1, 3) instead of (3,).",
        ),
        (FROZEN, "The parameter `weight` requires no gradient, so nothing trains it."),
        (PLAIN_BUFFER, "There is no buffer `mean`: register it under this name."),
    ],
)
def test_what_is_not_registered_is_named(anywhere: Enrol, source: str, sentence: str) -> None:
    """Missing, surplus, of another shape, or frozen."""
    module = anywhere(source).Norm(3)
    told = refused(lambda: assert_parameters(module, {"weight": (3,)}, {"mean": (3,)}))
    assert told == sentence


@pytest.mark.parametrize("source", [PLAIN_BUFFER, NO_PARAMETER])
def test_state_outside_of_the_state_dict_is_seen(anywhere: Enrol, source: str) -> None:
    """A plain attribute does not travel."""
    student = anywhere(source)
    told = refused(
        lambda: assert_state_dict_round_trip(
            lambda: student.Norm(3), x(), gen=seeded(), what="the norm"
        )
    )
    assert told.startswith("The norm answers differently once its `state_dict` is loaded")


def test_names_of_the_state_are_the_same_for_each_module(anywhere: Enrol) -> None:
    """A buffer that comes with the first call is in no fresh module."""
    student = anywhere(NORM)
    made: list[int] = []

    def make() -> torch.nn.Module:
        made.append(1)
        module: torch.nn.Module = torch.nn.Sequential(*[student.Norm(3)] * (len(made) % 2))
        return module

    told = refused(lambda: assert_state_dict_round_trip(make, x(), gen=seeded()))
    assert told.endswith("different names in their `state_dict`: `0.mean`, `0.weight`.")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (MOVES_IN_EVAL, "A call in eval mode changes `mean` of the module: only training may."),
        (DROPS_IN_EVAL, "The module answers differently each time in eval mode."),
    ],
)
def test_an_eval_mode_that_is_not_still_is_told(
    anywhere: Enrol, source: str, sentence: str
) -> None:
    """Noise, and statistics that move."""
    module = anywhere(source).Norm(3)
    assert refused(lambda: assert_eval_is_deterministic(module, x())) == sentence


def test_leaving_eval_mode_is_told(anywhere: Enrol) -> None:
    """A forward that calls `train`: seen in its answers, or in its mode."""
    module = anywhere(LEAVES_EVAL).Norm(3)
    assert refused(lambda: assert_eval_is_deterministic(module, x()))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (NEVER_TRAINS, "The module answers the same in training mode as in eval mode."),
        (STUCK, "A call in training mode leaves the buffer `mean` as it was."),
        (TRAINS_ITSELF, "A call changes the parameter `weight`: that is the optimizer's task."),
    ],
)
def test_a_training_mode_that_is_none_is_told(anywhere: Enrol, source: str, sentence: str) -> None:
    """Equal answers, a buffer that stays, a parameter that moves."""
    module = anywhere(source).Norm(3)
    assert refused(lambda: assert_train_differs(module, x(), buffers=("mean",))) == sentence


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (SHARED, "A deep copy of the module still uses tensors of the original."),
        (FORGETS, "A deep copy of the module answers differently."),
    ],
)
def test_a_copy_that_is_none_is_told(anywhere: Enrol, source: str, sentence: str) -> None:
    """Shared tensors, and state left behind."""
    student = anywhere(source)
    assert refused(lambda: assert_deepcopy(student, "Norm", (x(),), 3)) == sentence


def test_a_right_optimizer_resumes(anywhere: Enrol) -> None:
    """With two groups, a missing gradient and a late parameter."""
    student = anywhere(ADAM)
    assert_optimizer_resumes(student, "Adam", gen=seeded())
    assert_optimizer_resumes(
        student, "Adam", gen=seeded(), settings={"beta": 0.5}, second={"lr": 0.01}
    )


def test_steps_are_those_of_the_optimizer(anywhere: Enrol) -> None:
    """Each step's parameters come back, and each group has its own settings."""
    student = anywhere(ADAM)
    given = [torch.ones(2), torch.zeros(3)]
    gradients: list[list[torch.Tensor | None]] = [
        [torch.ones(2), torch.ones(3)],
        [torch.ones(2), None],
    ]
    steps = optimizer_steps(
        student, "Adam", given, gradients, settings={"lr": 0.5}, second=(1, {"lr": 0.25})
    )
    assert torch.allclose(steps[0][0], torch.full((2,), 0.5))
    assert torch.allclose(steps[1][0], torch.zeros(2))
    assert torch.allclose(steps[0][1], torch.full((3,), -0.25))
    assert torch.equal(steps[1][1], steps[0][1])
    assert torch.equal(given[0], torch.ones(2))
    one_group = optimizer_steps(student, "Adam", given, gradients[:1])
    assert torch.allclose(one_group[0][1], torch.full((3,), -0.1))
    with pytest.raises(MissingName):
        optimizer_steps(anywhere("x = 1", ADAM), "Adam", given, gradients)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (OWN_COUNT, "goes on differently: parameter 0 differs 1 step later"),
        (STATE_ELSEWHERE, "goes on differently: parameter 0 differs"),
        (ZERO_FOR_NONE, "Parameter 0 moves in a step in which it has no gradient."),
    ],
)
def test_an_optimizer_that_forgets_is_told(anywhere: Enrol, source: str, sentence: str) -> None:
    """A count or moments outside of its state, or a gradient of zeros in place of none."""
    student = anywhere(source)
    assert sentence in refused(lambda: assert_optimizer_resumes(student, "Adam", gen=seeded()))


def test_a_missing_gradient_must_not_raise(in_a_worker: Enrol) -> None:
    """It is graded code's own exception."""
    student = in_a_worker(ADAM.replace("if p.grad is None:", "if False:"))
    with pytest.raises(TypeError):
        assert_optimizer_resumes(student, "Adam", gen=seeded())
