"""What an exercise forbids, from its `day.toml` to the sentence that a learner reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from classroom import Classroom

    from dlcourse.grading.report import TestReport

SUITE = """
import torch
from dlcourse.testing import assert_allowed, watch

def test_by_hand(student, gen):
    \"\"\"The gate is written by hand.\"\"\"
    x = torch.rand(8, generator=gen, requires_grad=True)
    with watch(student) as seen:
        y = student.gate(x)
        y.sum().backward()
    assert torch.allclose(y, x * torch.sigmoid(x))
    assert_allowed(seen)
"""
GATE = """
import torch

def gate(x):
    return x * torch.sigmoid(x)
"""
SILU = "torch.nn.functional.silu"


def graded(classroom: Classroom, source: str, *forbidden: str) -> TestReport:
    """Grade a gate whose exercise forbids something, and return its one test."""
    exercise = classroom.exercise(SUITE, GATE, forbidden=forbidden)
    report = classroom.check(classroom.submission((exercise, source)), exercise)
    (test,) = report.exercises[0].tests
    return test


def test_a_gate_by_hand_passes_and_rests_on_claims(classroom: Classroom) -> None:
    """What is allowed passes; the report marks the test."""
    test = graded(classroom, GATE, SILU)
    assert test.outcome == "passed"
    assert test.claims


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("return torch.nn.functional.silu(x)", "calls it"),
        ("return torch.nn.SiLU()(x)", "calls it"),
        ("return x * torch.sigmoid(x) + 0 * torch.ops.aten.silu_backward(x, x).detach()",
         "runs its operator `aten::silu_backward`"),
        ("return x * torch.sigmoid(x) if len(x) else torch.nn.functional.silu(x)", "names it"),
        ("return torch._C._nn.silu(x)", "calls it"),
    ],
)  # fmt: skip
def test_a_forbidden_call_is_named(classroom: Classroom, body: str, what: str) -> None:
    """The test fails with the name, the line, and how it was found."""
    test = graded(classroom, f"import torch\ndef gate(x):\n    {body}\n", SILU)
    assert test.outcome == "failed"
    (sentence,) = test.observed
    assert sentence.startswith(f"`{SILU}` is forbidden here, and line 3 of `exercise_")
    assert what in sentence


def test_a_helper_of_another_name_is_no_way_around(classroom: Classroom) -> None:
    """A call that only the worker sees is found, and what hides it from the source is told."""
    source = "import torch\nF = torch.nn.functional\ndef gate(x):\n    return {}\n"
    test = graded(classroom, source.format("getattr(F, 'si' + 'lu')(x)"), SILU)
    assert [sentence.partition(" ")[0] for sentence in test.observed] == [f"`{SILU}`", "`getattr`"]


def test_another_thread_is_told(classroom: Classroom) -> None:
    """Modes see one thread, so the source may hold no other beside a forbidden name."""
    source = """
import torch
from concurrent.futures import ThreadPoolExecutor

def gate(x):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.sigmoid, x).result() * x
"""
    test = graded(classroom, source, SILU)
    assert test.observed[0] == (
        "`concurrent.futures.ThreadPoolExecutor` could hide a forbidden call, and line 3 of "
        f"`{test.observed[0].split('`')[3]}` uses it: leave it out."
    )


def test_modes_that_graded_code_switches_off_are_told(classroom: Classroom) -> None:
    """No mode sees the call then; the source and the hook do, and each switch is named."""
    source = """
import torch

def gate(x):
    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()
    with torch._C._DisableTorchDispatch():
        return torch.nn.functional.silu(x)
"""
    test = graded(classroom, source, SILU)
    assert test.outcome == "failed"
    assert [sentence.split("`")[1] for sentence in test.observed] == [
        SILU,
        "torch._C._len_torch_function_stack",
        "torch._C._pop_torch_function_stack",
        "torch._C._DisableTorchDispatch",
    ]


def test_a_forbidden_name_that_means_nothing_costs_no_points(classroom: Classroom) -> None:
    """A wrong name in `day.toml` breaks the test, with the solution too."""
    assert graded(classroom, GATE, "torch.nn.functional.sliu").outcome == "broken"
