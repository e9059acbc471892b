"""Exercises that ask for classes and modules, graded from end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from classroom import outcomes

if TYPE_CHECKING:
    from classroom import Classroom

SOLUTION = """
import torch
from torch import nn

class Linear(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(k, d))

    def forward(self, x):
        return x @ self.weight.T

class Mean:
    def __init__(self):
        self.total, self.count = 0.0, 0

    def update(self, x):
        self.total, self.count = self.total + x.sum().item(), self.count + len(x)
        return self

    def compute(self):
        return self.total / self.count
"""
SUITE = """
import torch
from dlcourse.testing import assert_values_match, assert_gradients_match

def test_trained(student, gen):
    \"\"\"Descending the gradient of a linear layer makes its error smaller.\"\"\"
    layer, x = student.Linear(3, 2), torch.randn(5, 3, generator=gen)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        losses.append(layer(x).pow(2).mean())
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0]

def test_state(student, solution, gen):
    \"\"\"A layer with the state of another is the other.\"\"\"
    layer, other = student.Linear(3, 2), solution.Linear(3, 2)
    layer.load_state_dict(other.state_dict())
    x = torch.randn(5, 3, generator=gen)
    assert_values_match(layer(x), other(x))

def test_mean(student, gen):
    \"\"\"A mean of parts is the mean of the whole.\"\"\"
    x, mean = torch.randn(10, generator=gen), student.Mean()
    for part in x.split(3):
        mean.update(part)
    assert abs(mean.compute() - x.mean().item()) < 1e-6
"""
ONE_TEST = """
import copy, torch
from dlcourse.testing import in_worker

def test_it(student):
    layer = student.Linear(3, 2)
    {}
"""


@pytest.mark.parametrize("isolation", ["exercise", "test"])
def test_the_solution_earns_every_point(classroom: Classroom, isolation: str) -> None:
    """In one worker as in one for each test."""
    report = classroom.grade(SOLUTION, SUITE, SOLUTION, isolation=isolation)
    assert outcomes(report) == ["passed"] * 3


@pytest.mark.parametrize(
    ("find", "replace", "ends", "observed"),
    [
        ("nn.Parameter(", "(", ["error", "failed", "passed"], ""),
        (".weight.T", ".weight.T.detach()", ["failed", "passed", "passed"], ""),
        ("return self\n", "pass\n", ["passed", "passed", "failed"], "`Mean.update` is None"),
        ("(k, d)", "(d, k)", ["error", "failed", "passed"], "raised RuntimeError"),
    ],
)
def test_a_mistake_costs_the_test_that_it_breaks(
    classroom: Classroom, find: str, replace: str, ends: list[str], observed: str
) -> None:
    """A learner's slip ends as a failure or an error, and never as the suite's fault."""
    report = classroom.grade(SOLUTION.replace(find, replace), SUITE, SOLUTION)
    assert [e if e == "passed" else "lost" for e in outcomes(report)] == [
        e if e == "passed" else "lost" for e in ends
    ]
    assert "broken" not in outcomes(report)
    assert any(observed in "".join(test.observed) for test in report.tests)


@pytest.mark.parametrize(
    "line", ["layer.double()", "copy.deepcopy(layer)", "torch.vmap(layer)(torch.ones(2, 3))"]
)
@pytest.mark.parametrize("source", [SOLUTION, SOLUTION.replace(".weight.T", ".weight")])
def test_what_is_not_mirrored_is_the_suite_s_fault(
    classroom: Classroom, line: str, source: str
) -> None:
    """The author reads what to do, and it costs nobody points, whatever was handed in."""
    test = classroom.only_test(source, ONE_TEST.format(line), SOLUTION)
    assert test.outcome == "broken"
    (sentence,) = test.observed
    assert sentence.startswith("the test itself is at fault at line 7 of `test_exercise")
    assert "costs no points" in sentence
    assert sentence.endswith("cannot reach graded code: do it in a function marked `@in_worker`")


def test_a_callable_argument_is_the_suite_s_fault(classroom: Classroom) -> None:
    """Our own code in the learner's place refuses it as well."""
    line = "student.Linear(lambda: 3, 2)"
    assert classroom.only_test(SOLUTION, ONE_TEST.format(line), SOLUTION).outcome == "broken"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("self.more = nn.Linear(1, 1)", "[child.half() for child in layer.children()]"),
        (
            "self.more = nn.Linear(1, 1)",
            "[m.register_forward_hook(print) for m in layer.modules()]",
        ),
        ("self.forward = lambda x: self", "layer(torch.ones(1, 3)).double()"),
        ("self.forward = lambda x: x.half", "layer.forward.unchecked(torch.ones(1, 3)).double()"),
    ],
)
def test_graded_code_cannot_put_the_blame_on_the_suite(
    classroom: Classroom, source: str, line: str
) -> None:
    """Where the solution does not meet what is not mirrored, points are lost."""
    changed = SOLUTION.replace("super().__init__()\n", f"super().__init__(); {source}\n", 1)
    test = classroom.only_test(changed, ONE_TEST.format(line), SOLUTION)
    assert test.outcome in {"failed", "error"}
    assert test.earned == 0
