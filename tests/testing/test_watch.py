"""`watch` and the assertions on what it has seen, with our own code in the learner's place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.grading.suites import _import
from dlcourse.sandbox.record import Extent
from dlcourse.testing import (
    Mismatch,
    Student,
    Watched,
    assert_allowed,
    assert_grows_at_most,
    assert_largest_at_most,
    assert_operations_at_most,
    assert_saves_at_most,
    in_worker,
    watch,
)
from dlcourse.testing.backend import LocalSubmission
from dlcourse.testing.student import Seat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Enrol
    from dlcourse.testing.allowed import Quantity

WORK = """
import torch
import torch.nn.functional as F

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, upstream):
        x, = ctx.saved_tensors
        upstream.mul_(1.5)
        return F.silu(x) * upstream

def scores(q, k):
    return (q[:, None] * k).sum(-1)

def product(q, k):
    return q @ k.T

def gate(x):
    return F.silu(x)

def gates(x):
    return getattr(F, "si" + "lu")(x)

def normal(x):
    return x.softmax(-1)

def fill(x, *, scale=None):
    torch.set_default_dtype(torch.float64)
    return x.mul_(2)

def shout(x):
    raise ValueError(x.exp())
"""
SILU = "torch.nn.functional.silu"


@pytest.fixture
def student(tmp_path: Path) -> Student:
    """A student that is the solution itself, of an exercise that forbids SiLU."""
    path = tmp_path / "work.py"
    path.write_text(WORK)
    module = _import(str(path))
    return Student(Seat(LocalSubmission(module), module, "work.py", forbidden=(SILU,)))


def refused(check: Callable[[], object]) -> tuple[str, ...]:
    """Return the sentences of a check that fails."""
    with pytest.raises(Mismatch) as caught:
        check()
    return caught.value.observed


def x(*shape: int) -> torch.Tensor:
    """Return an input that requires a gradient."""
    return torch.rand(shape, requires_grad=True)


def test_a_watch_adds_up_what_its_calls_did(student: Student) -> None:
    """Counts and bytes are summed, sizes are the largest, and each call keeps its own record."""
    with watch(student) as seen:
        student.product(x(3, 2), x(5, 2))
        student.product(x(4, 2), x(6, 2))
        student.Square.apply(x(7))
    assert [call.name for call in seen.calls] == ["product", "product", "Square.apply"]
    assert seen.functions["torch.Tensor.matmul"] == 2
    assert seen.operations["aten::mm"] == 2
    assert seen.flops == 2 * (3 * 2 * 5 + 4 * 2 * 6)
    assert seen.largest == Extent(24, 96)
    assert seen.calls[0].usage.largest == Extent(15, 60)
    assert seen.saved_bytes == 0
    assert (seen.mutated, seen.aliases, seen.changed) == ((), (), ())
    assert seen.complete


def test_what_a_call_leaves_behind_is_named(student: Student) -> None:
    """Arguments by their place or name, with the function; global state by its own name."""
    dtype = torch.get_default_dtype()
    given = torch.ones(3)
    try:
        with watch(student) as seen:
            student.fill(given, scale=None)
            student.fill(x=given)
    finally:
        torch.set_default_dtype(dtype)
    assert seen.mutated == ("the 1st argument of `fill`", "the argument `x` of `fill`")
    assert seen.aliases == seen.mutated
    assert seen.changed == ("the default dtype",)


def test_a_backward_in_the_block_is_watched(student: Student) -> None:
    """Its functions count, its upstream gradient is an argument, and what it saves is its own."""
    with watch(student, ()) as seen:
        y = student.Square.apply(x(3))
        y.backward(torch.ones(3))
    assert [call.is_backward for call in seen.calls] == [False, True]
    assert seen.functions[SILU] == 1
    assert seen.mutated == ("the upstream gradient of `backward`",)
    with watch(student, ()) as seen:
        y = student.Square.apply(x(3))
        torch.autograd.grad(y, y.grad_fn.next_functions[0][0].variable, torch.ones(3))
    assert seen.functions[SILU] == 1


def test_a_call_that_raises_is_watched(student: Student) -> None:
    """What it did is seen, and the exception is the suite's to judge."""
    with watch(student) as seen, pytest.raises(ValueError, match="tensor"):
        student.shout(x(3))
    assert seen.functions["torch.Tensor.exp"] == 1


def test_an_in_worker_function_is_watched_too(student: Student) -> None:
    """What graded code does for it counts, what it does itself does not."""

    @in_worker
    def probe(student: Any, x: torch.Tensor) -> torch.Tensor:
        """Use graded code."""
        result: torch.Tensor = student.product(x.exp(), x)
        return result

    with watch(student) as seen:
        probe(student, torch.rand(3, 2))
    assert seen.calls[0].name == "probe"
    assert set(seen.functions) == {"torch.Tensor.T", "torch.Tensor.matmul"}


def test_only_the_block_is_watched(student: Student) -> None:
    """Nothing is seen before and after it, and the suite's own work is none of it."""
    student.gate(x(3))
    with watch(student) as seen:
        torch.softmax(x(3), -1).sum().backward()  # type: ignore[no-untyped-call] # torch's
    student.gate(x(3))
    assert seen.functions == {}


def test_a_watch_is_a_claim(student: Student) -> None:
    """A test that watches is marked, whatever it goes on to assert."""
    assert not student._seat.claims
    with watch(student, ()):
        pass
    assert student._seat.claims


# What is forbidden.


def test_what_the_exercise_forbids_is_what_a_watch_forbids(student: Student) -> None:
    """The call is found, its operator and its name in the source; they are one offence a line."""
    with watch(student) as seen:
        student.gate(x(3))
    line = WORK.splitlines().index("def gate(x):") + 2
    assert {(each.way, each.is_claim) for each in seen.forbidden if each.place.line == line} == {
        ("call", True),
        ("operation", True),
        ("source", False),
    }
    sentences = refused(lambda: assert_allowed(seen))
    assert sentences[0] == (
        f"`{SILU}` is forbidden here, and line {line} of `work.py` calls it: do without it."
    )
    assert len(sentences) == 3  # the call, the backward that only the source shows, `getattr`


def test_a_call_that_no_source_shows_is_found(student: Student) -> None:
    """A computed name is found where it is called, and told as what hides calls."""
    with watch(student) as seen:
        student.gates(x(3))
    line = WORK.splitlines().index("def gates(x):") + 2
    assert [(each.way, each.place.line) for each in seen.forbidden[:2]] == [
        ("call", line),
        ("operation", line),
    ]
    hides = f"`getattr` could hide a forbidden call, and line {line} of `work.py` uses it: leave"
    assert any(sentence.startswith(hides) for sentence in refused(lambda: assert_allowed(seen)))


def test_a_sentence_says_what_to_use_instead(student: Student) -> None:
    """A mapping holds the remedy, and another spelling is told."""
    with watch(student, {"torch.softmax": "use `torch.exp` and a sum"}) as seen:
        student.normal(x(2, 3))
    line = WORK.splitlines().index("def normal(x):") + 2
    assert refused(lambda: assert_allowed(seen))[0] == (
        f"`torch.softmax` is forbidden here, and line {line} of `work.py` calls it as "
        "`torch.Tensor.softmax`: use `torch.exp` and a sum."
    )


def test_an_operator_is_named_where_only_it_was_seen(student: Student) -> None:
    """What betrays itself by an operator alone is told with it."""
    with watch(student, ["torch.mm"]) as seen:
        student.product(x(2, 3), x(2, 3))
    line = WORK.splitlines().index("def product(q, k):") + 2
    assert refused(lambda: assert_allowed(seen))[0] == (
        f"`torch.mm` is forbidden here, and line {line} of `work.py` runs its operator "
        "`aten::mm`: do without it."
    )


def test_what_is_allowed_passes(student: Student) -> None:
    """Neither a call nor the source holds anything forbidden, and nothing forbidden hides."""
    with watch(student, ()) as seen:
        student.gate(x(3))
    assert_allowed(seen)
    assert seen.forbidden == ()


def test_sentences_are_bounded(student: Student) -> None:
    """Eight offences are told, however many there are."""
    names = ["torch.Tensor.mul", SILU, "torch.Tensor.T", "torch.sum", "torch.matmul", "torch.mm"]
    with watch(student, [*names, "torch.softmax", "torch.Tensor.mul_", "torch.exp"]) as seen:
        student.product(x(2, 3), x(2, 3))
        student.scores(x(2, 3), x(2, 3))
        student.normal(x(2, 3))
    assert len(refused(lambda: assert_allowed(seen))) == 8


def test_names_that_were_not_told_may_hide_something(student: Student) -> None:
    """A flood of names is no way to pass."""
    with watch(student, ["torch.softmax"]) as seen:
        student.product(x(2, 3), x(2, 3))
    flooded = Watched(seen.rules, ())
    for call in seen.calls:
        flooded.calls.append(replace(call, usage=replace(call.usage, complete=False)))
    assert refused(lambda: assert_allowed(flooded))[0].startswith(
        "One call uses more than a thousand different functions"
    )


# What it costs.


def test_bytes_saved_for_backward_are_bounded(student: Student) -> None:
    """The sentence says how many are saved and how many suffice."""
    with watch(student) as seen:
        student.normal(x(2, 3))
    assert_saves_at_most(seen, 24)
    assert refused(lambda: assert_saves_at_most(seen, 8)) == (
        "24 bytes are saved for the backward, where 8 suffice.",
    )


def test_the_largest_tensor_is_bounded(student: Student) -> None:
    """A tensor of T x T x D elements is told, one of T x T passes."""
    with watch(student) as seen:
        student.scores(x(5, 3), x(5, 3))
    assert refused(lambda: assert_largest_at_most(seen, 25)) == (
        "A tensor of 75 elements is made, where 25 suffice.",
    )
    with watch(student) as seen:
        student.product(x(5, 3), x(5, 3))
    assert_largest_at_most(seen, 25)


def test_operations_are_bounded(student: Student) -> None:
    """Each operator that runs too often is told."""
    with watch(student) as seen:
        student.product(x(2, 3), x(2, 3))
    assert_operations_at_most(seen, {"aten::mm": 1, "aten::bmm": 0})
    assert refused(lambda: assert_operations_at_most(seen, {"aten::mm": 0})) == (
        "The operator `aten::mm` runs 1 time, where 0 suffice.",
    )
    with pytest.raises(ValueError, match="`mm` is no operator: write it like `aten::mm`"):
        assert_operations_at_most(seen, {"mm": 1})


GROWTH = """
import torch

def pairs(x):
    return (x[:, None] - x).square().sum()

def moments(x):
    return x.exp().sum()

def one_by_one(x):
    return sum(v * v for v in x)

def product(x):
    return x[:, None] @ x[None]
"""


@pytest.mark.parametrize(
    ("name", "of", "power"),
    [
        ("pairs", "largest", 2),
        ("pairs", "saved", 2),
        ("moments", "largest", 1),
        ("moments", "saved", 1),
        ("moments", "operations", 0),
        ("one_by_one", "operations", 1),
        ("product", "flops", 2),
    ],
)
def test_growth_is_told_from_the_next_smaller_power(
    anywhere: Enrol, name: str, of: Quantity, power: int
) -> None:
    """What grows with a power passes for that power, and for no smaller one."""
    student = anywhere(GROWTH)

    def call(n: int) -> None:
        getattr(student, name)(torch.ones(n, requires_grad=True))

    assert_grows_at_most(student, call, 64, power, of=of)
    if power:
        (told,) = refused(lambda: assert_grows_at_most(student, call, 64, power - 1, of=of))
        assert " when the input grows from 64 to 128: that is faster than " in told


def test_growth_is_told_in_numbers_of_graded_code(anywhere: Enrol) -> None:
    """The sentence says what grows, from where to where; what is zero at both does not grow."""
    student = anywhere(GROWTH)
    (told,) = refused(
        lambda: assert_grows_at_most(student, lambda n: student.pairs(torch.ones(n)), 50, 1)
    )
    assert told == (
        "The elements of the largest tensor grow from 2,500 to 10,000 when the input grows from "
        "50 to 100: that is faster than in proportion."
    )
    assert_grows_at_most(student, lambda n: student.moments(torch.ones(n)), 4, 0, of="flops")
