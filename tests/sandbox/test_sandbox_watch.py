"""What a watched call and its gradients are seen doing, in real workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.sandbox.faults import Place, StudentError
from dlcourse.sandbox.record import MAX_NAMES, Extent, Sight

if TYPE_CHECKING:
    from conftest import Load
    from dlcourse.sandbox.record import Record
    from dlcourse.sandbox.remote import RemoteSubmission

WORK = """
import threading
import torch
import torch.nn.functional as F
from torch.nn.functional import silu as renamed

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, upstream):
        x, = ctx.saved_tensors
        F.cross_entropy(x, torch.zeros(len(x), dtype=torch.int64))
        return 2 * x * upstream

class Careless(Square):
    @staticmethod
    def backward(ctx, upstream):
        upstream.data.mul_(2)
        torch.set_default_dtype(torch.float64)
        return upstream

class Keeper(Square):
    @staticmethod
    def forward(ctx, x):
        ctx.wide = x.expand(3, *x.shape).clone()
        return x.clone()

linear = torch.nn.Linear(4, 4)

def aliases_of_softmax(x):
    y = torch.softmax(x, -1) + F.softmax(x, -1)
    return y + x.softmax(-1) + torch.ops.aten.softmax(x, -1)

def renamed_silu(x):
    return getattr(torch.nn.functional, "si" + "lu")(renamed(x))

def module_of_silu(x):
    with torch.enable_grad():
        return torch.nn.SiLU()(x)

def square(x): return Square.apply(x)
def careless(x): return Careless.apply(x)
def exp(x): return x.exp()
def affine(x): return linear(x).exp()
def keep(x): return Keeper.apply(x)
def chain(x): return x.exp().sin().cos()
def checkpointed(x): return torch.utils.checkpoint.checkpoint(chain, x, use_reentrant=False)
def thrown_away(x): return [chain(x) for _ in range(9)][-1].detach() + x
def in_place(x): x.exp_()
def outer(x): return (x[:, None] * x).sum(-1)
def wide_view(x): return x.expand(1000, *x.shape)[0] * 1
def product(x): return x @ x
def hessian(x): return torch.func.hessian(lambda y: (y ** 3).sum())(x)
def same(x, y=None): return x

def edit_data(x, y):
    x.data.add_(1)
    y.append(x.numpy())
    return 0

def edit_and_raise(x):
    x.numpy()[0] = 5
    raise ValueError("no")

def touch(x):
    torch.use_deterministic_algorithms(True, warn_only=False)
    torch.set_printoptions(precision=3)
    torch.set_autocast_enabled("cpu", True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = True

def flood(x):
    for name in range(1500):
        torch.library.custom_op(f"flood::f{name}", lambda x: x.clone(), mutates_args=(),
                                schema="(Tensor x) -> Tensor")(x)

def in_thread(x):
    out = []
    thread = threading.Thread(target=lambda: out.append(torch.softmax(x, -1)))
    thread.start()
    thread.join()
    return out[0]

def leave_modes(x):
    torch.set_default_device("cpu")
    return torch.softmax(x, -1)
"""


@pytest.fixture
def work(load: Load) -> RemoteSubmission:
    """A worker with the source above."""
    return load(WORK)


def watched(work: RemoteSubmission, name: str, *arguments: Any, **keywords: Any) -> Record:
    """Call a function under watch and return what was heard of the call."""
    heard: list[Record] = []
    with work.watched(heard.append):
        work.call(name, arguments, keywords)
    (record,) = heard
    return record


def backward(work: RemoteSubmission, name: str, x: torch.Tensor) -> Record:
    """Call a function, then take a gradient under watch, and return what was heard of that."""
    heard: list[Record] = []
    y = work.call(name, (x,), {})
    with work.watched(heard.append):
        y.backward(torch.ones_like(y))
    (record,) = heard
    return record


def x(*shape: int) -> torch.Tensor:
    """Return an input that requires a gradient."""
    return torch.rand(shape, requires_grad=True)


def line(text: str) -> Place:
    """The place of the line of the source that holds `text`."""
    lines = [number for number, each in enumerate(WORK.splitlines(), 1) if text in each]
    return Place("work.py", lines[0])


# Functions and operators.


def test_a_function_is_counted_under_its_public_names(work: RemoteSubmission) -> None:
    """Each way to the same function has a name of its own; the operators below are one."""
    usage = watched(work, "aliases_of_softmax", x(2, 3)).usage
    first, second = line("torch.softmax(x, -1) +"), line("x.softmax(-1) +")
    assert usage.functions["torch.softmax"] == Sight(1, first)
    assert usage.functions["torch.nn.functional.softmax"] == Sight(1, first)
    assert usage.functions["torch.Tensor.softmax"] == Sight(1, second)
    assert usage.functions["torch.ops.aten.softmax"] == Sight(1, second)
    assert usage.operations["aten::_softmax"] == Sight(4, first)
    assert usage.complete


def test_an_alias_hides_no_function(work: RemoteSubmission) -> None:
    """An import under another name and a computed attribute are calls like any other."""
    usage = watched(work, "renamed_silu", x(3)).usage
    assert usage.functions["torch.nn.functional.silu"].count == 2
    assert usage.operations["aten::silu"].count == 2


def test_classes_and_what_cannot_be_overridden_are_seen(work: RemoteSubmission) -> None:
    """A module and a context manager are counted, and what a module of torch calls inside."""
    usage = watched(work, "module_of_silu", x(3)).usage
    assert usage.functions["torch.enable_grad"].place == line("torch.enable_grad()")
    assert usage.functions["torch.nn.SiLU"].place == line("torch.nn.SiLU()")
    assert usage.functions["torch.nn.functional.silu"].place == line("torch.nn.SiLU()")


def test_a_backward_of_graded_code_is_seen(work: RemoteSubmission) -> None:
    """Functions, those that decompose before any operator runs too, with their lines."""
    record = backward(work, "square", x(3, 4))
    assert (record.name, record.is_backward) == ("backward", True)
    at = line("F.cross_entropy")
    assert record.usage.functions["torch.nn.functional.cross_entropy"] == Sight(1, at)
    assert record.usage.operations["aten::nll_loss_forward"] == Sight(1, at)
    # The grader's own request is no call of graded code.
    assert "torch.autograd.grad" not in record.usage.functions


def test_a_native_backward_has_no_line(work: RemoteSubmission) -> None:
    """Operators that autograd runs by itself are counted; no line of graded code runs them."""
    usage = backward(work, "aliases_of_softmax", x(2, 3)).usage
    assert usage.operations["aten::_softmax_backward_data"] == Sight(4)
    assert usage.functions == {}


def test_what_the_suite_runs_beside_graded_code_is_not_its_call(work: RemoteSubmission) -> None:
    """Functions that an `@in_worker` function calls are not counted, those of graded code are."""
    source = "def probe(student, x):\n    torch.sin(x)\n    student.exp(x).mul_(0)\n    x.mul_(0)\n"
    heard: list[Record] = []
    with work.watched(heard.append):
        work.drive("probe", source, (torch.rand(3),), {})
    assert list(heard[0].usage.functions) == ["torch.Tensor.exp"]
    assert heard[0].effects.mutated == ((0, "its values differ"),)


def test_a_flood_of_names_is_bounded(work: RemoteSubmission) -> None:
    """A thousand names are told, and that there were more."""
    usage = watched(work, "flood", torch.rand(2)).usage
    assert len(usage.operations) == MAX_NAMES
    assert not usage.complete


def test_another_thread_is_not_seen(work: RemoteSubmission) -> None:
    """Modes see one thread: the static pass names `threading` for that reason."""
    assert "torch.softmax" not in watched(work, "in_thread", x(3)).usage.functions


def test_a_mode_that_is_left_on_is_no_harm(work: RemoteSubmission) -> None:
    """A default device is a mode too: the watch sees on, and ends with its block."""
    record = watched(work, "leave_modes", torch.rand(3))
    assert record.usage.functions["torch.softmax"].count == 1
    assert work.call("exp", (torch.zeros(2),), {}).tolist() == [1.0, 1.0]


# What a call leaves behind.


def test_arguments_are_judged_by_their_bytes(work: RemoteSubmission) -> None:
    """An edit that no version counter sees is seen, and so is one of a list."""
    effects = watched(work, "edit_data", torch.rand(3), y=[]).effects
    assert effects.mutated == ((0, "its values differ"), ("y", "it holds other elements"))


def test_a_call_that_raised_is_told_too(work: RemoteSubmission) -> None:
    """What it did until then is heard before its exception is raised."""
    heard: list[Record] = []
    with work.watched(heard.append), pytest.raises(StudentError, match="no"):
        work.call("edit_and_raise", (torch.zeros(2),), {})
    assert heard[0].effects.mutated == ((0, "its values differ"),)


def test_an_array_is_judged_like_a_tensor(work: RemoteSubmission) -> None:
    """A NumPy array that was edited in place is named."""
    source = "def edit(student, x):\n    x[0] = 7\n"
    heard: list[Record] = []
    with work.watched(heard.append):
        work.drive("edit", source, (torch.zeros(2).numpy(),), {})
    assert heard[0].effects.mutated == ((0, "its values differ"),)


def test_shared_memory_names_the_argument(work: RemoteSubmission) -> None:
    """The output is counted from 0, the argument by its place or its keyword."""
    given = torch.rand(3)
    assert watched(work, "same", given).effects.aliases == ((0, 0),)
    assert watched(work, "same", x=given, y=given).effects.aliases == ((0, "x"),)


def test_global_state_that_a_call_changes_is_named(work: RemoteSubmission) -> None:
    """A stricter determinism counts although the flag was on, and so do print options."""
    assert watched(work, "touch", torch.rand(2)).effects.changed == (
        "the autocast state",
        "deterministic algorithms",
        "the precision of matrix products",
        "the cuDNN flags",
        "the print options",
    )


def test_a_backward_that_edits_its_upstream_is_seen(work: RemoteSubmission) -> None:
    """The upstream gradient is the third argument of a backward, and global state counts there."""
    effects = backward(work, "careless", x(3)).effects
    assert effects.mutated == ((2, "its values differ"),)
    assert effects.changed == ("the default dtype",)


# What it costs.


@pytest.mark.parametrize(
    ("name", "shape", "saved"),
    [
        ("exp", (10, 4), 160),  # its result, 40 numbers
        ("square", (10, 4), 0),  # its argument alone
        ("affine", (10, 4), 160),  # not the weights
        ("keep", (10, 4), 480),  # what hangs on `ctx`
        ("checkpointed", (10, 4), 0),  # computed again
        ("thrown_away", (10, 4), 0),  # no part of the result's graph
        ("same", (10, 4), 0),
    ],
)
def test_saved_bytes_are_what_the_result_s_graph_keeps(
    work: RemoteSubmission, name: str, shape: tuple[int, ...], saved: int
) -> None:
    """Each storage counts once; arguments, parameters and what was let go of do not."""
    assert watched(work, name, x(*shape)).usage.saved_bytes == saved


def test_a_graph_on_an_edited_argument_counts(work: RemoteSubmission) -> None:
    """A function that works in place hangs its graph on the argument."""
    given = x(10) * 1
    source = "def probe(student, x):\n    y = x.clone()\n    student.in_place(y)\n    return y\n"
    heard: list[Record] = []
    with work.watched(heard.append):
        work.drive("probe", source, (given,), {})
    assert heard[0].usage.saved_bytes == 40


def test_nothing_is_saved_without_gradients(work: RemoteSubmission) -> None:
    """A call on plain tensors builds no graph."""
    assert watched(work, "exp", torch.rand(10)).usage.saved_bytes == 0


def test_the_largest_tensor_is_one_that_was_made(work: RemoteSubmission) -> None:
    """An intermediate product counts, an expanded view does not."""
    assert watched(work, "outer", x(30)).usage.largest == Extent(900, 3600)
    assert watched(work, "wide_view", x(30)).usage.largest == Extent(30, 120)


def test_flops_grow_with_the_cube(work: RemoteSubmission) -> None:
    """A product of two square matrices takes 2 n^3 operations."""
    counts = [watched(work, "product", x(n, n)).usage.flops for n in (4, 8)]
    assert counts == [128, 1024]


# What a watch leaves alone.


def test_only_the_block_is_watched(work: RemoteSubmission) -> None:
    """Calls before and after are not heard, and two blocks both hear what is in both."""
    outer: list[Record] = []
    inner: list[Record] = []
    given = torch.rand(2)
    work.call("exp", (given,), {})
    with work.watched(outer.append):
        work.call("exp", (given,), {})
        with work.watched(inner.append):
            work.call("same", (given,), {})
    work.call("exp", (given,), {})
    assert [record.name for record in outer] == ["exp", "same"]
    assert [record.name for record in inner] == ["same"]


def test_gradients_of_any_order_are_right_under_watch(work: RemoteSubmission) -> None:
    """The modes change no value: finite differences agree twice."""
    given = torch.rand(2, 2, dtype=torch.float64, requires_grad=True)
    heard: list[Record] = []
    with work.watched(heard.append):
        for name in ("square", "exp", "product"):
            assert torch.autograd.gradgradcheck(lambda x, f=name: work.call(f, (x,), {}), given)
    assert any(record.is_backward for record in heard)


def test_transforms_work_under_watch(work: RemoteSubmission) -> None:
    """`torch.func`, which refuses hooks on saved tensors, does not refuse the watch."""
    given = x(3)
    heard: list[Record] = []
    with work.watched(heard.append):
        result = work.call("hessian", (given,), {})
    assert torch.allclose(result, torch.diag(6 * given.detach()))


def test_an_edit_before_backward_still_raises_under_watch(work: RemoteSubmission) -> None:
    """Torch's own check of saved tensors stays on."""
    source = """
def probe(student, x):
    y = x * 1
    z = student.square(y)
    y.mul_(2)
    z.sum().backward()
"""
    heard: list[Record] = []
    with (
        work.watched(heard.append),
        pytest.raises(StudentError, match="modified by an inplace operation"),
    ):
        work.drive("probe", source, (x(3),), {})
