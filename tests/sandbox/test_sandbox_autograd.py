"""Gradients of graded code in a real worker are as if it were local."""

from __future__ import annotations

import gc
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from dlcourse.sandbox.faults import StudentError, StudentFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Load
    from dlcourse.sandbox.remote import RemoteSubmission

WORK = dedent("""\
    import torch

    W = torch.nn.Parameter(torch.tensor([2.0, 3.0], dtype=torch.float64))

    def softmax(x, dim=-1):
        return torch.softmax(x, dim)

    def product(x, y):
        return x * y

    def cube(x):
        return x ** 3

    def identity(x):
        return x

    def several(x):
        return {"value": x * 2, "index": x.argmax(), "pair": (x.sum(), x.detach() + 1)}

    def twice(x):
        y = x * 2
        return y, y

    def own_parameter(x):
        return W * 2

    def the_parameter():
        return W

    def edit(x):
        x.mul_(3)
        return x

    def frozen(x):
        with torch.no_grad():
            return x * 2

    def first_only(x, y):
        return x * 2 + y.detach()

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x ** 2
        @staticmethod
        def backward(ctx, upstream):
            (x,) = ctx.saved_tensors
            return 2 * x * upstream

    class WrongShape(Square):
        @staticmethod
        def backward(ctx, upstream):
            return upstream[:-1]

    class Raises(Square):
        @staticmethod
        def backward(ctx, upstream):
            raise KeyError("in backward")

    class Once(Square):
        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, upstream):
            (x,) = ctx.saved_tensors
            return 2 * x * upstream

    def kept():
        import gc
        graphs = [o for o in gc.get_objects() if type(o).__name__ == "Graphs"]
        return len(graphs[0]._kept)
""")

Local = dict[str, Any]


@pytest.fixture(scope="module")
def local() -> Local:
    """The same source in this process, to compare with."""
    namespace: Local = {}
    exec(WORK, namespace)  # noqa: S102 - the test's own text
    return namespace


@pytest.fixture
def work(load: Load) -> RemoteSubmission:
    """The source above, loaded."""
    return load(WORK)


def remote(work: RemoteSubmission, name: str) -> Callable[..., Any]:
    """A function of the worker, called as if it were local."""
    return lambda *args, **kwargs: work.call(name, args, kwargs)


def doubles(*shape: int) -> torch.Tensor:
    """Random numbers that need a gradient."""
    gen = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=gen, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("name", ["softmax", "cube", "identity", "Square.apply"])
def test_gradcheck_and_gradgradcheck_pass(work: RemoteSubmission, name: str) -> None:
    """First and second derivatives agree with finite differences."""
    f = remote(work, name)
    assert gradcheck(f, (doubles(2, 3),))
    assert gradgradcheck(f, (doubles(1, 3),))


def test_the_third_derivative_is_right(work: RemoteSubmission) -> None:
    """Gradients of gradients of gradients work as if all were local."""
    x = doubles(3)
    y = remote(work, "cube")(x)
    for _ in range(3):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert torch.allclose(y, torch.full_like(x, 6.0))


def test_mixed_second_derivatives_flow_through_the_upstream(
    work: RemoteSubmission, local: Local
) -> None:
    """The gradient of a gradient reaches the upstream gradient and the other input."""
    results = []
    for f in (remote(work, "product"), local["product"]):
        x, y, upstream = doubles(2), doubles(2, 1)[:, 0].detach().requires_grad_(), doubles(2)
        (gx,) = torch.autograd.grad(f(x, y), x, upstream, create_graph=True)
        results.append(torch.autograd.grad((gx**2).sum(), (y, upstream)))
    assert all(map(torch.equal, *results))


def test_a_gradient_for_one_input_only(work: RemoteSubmission) -> None:
    """An input that needs none, or that the result does not depend on, gets none."""
    x, y = doubles(3), doubles(3).detach()
    remote(work, "product")(x, y).sum().backward()
    assert torch.equal(x.grad, y)  # type: ignore[arg-type] # backward has set it
    a, b = doubles(3), doubles(3)
    assert (
        torch.autograd.grad(remote(work, "first_only")(a, b).sum(), (a, b), allow_unused=True)[1]
        is None
    )


def test_one_tensor_passed_twice_gets_the_sum(work: RemoteSubmission) -> None:
    """The gradient of `f(x, x)` is that of a call on one tensor."""
    x = doubles(3)
    remote(work, "product")(x, x).sum().backward()
    assert torch.allclose(x.grad, 2 * x)  # type: ignore[arg-type] # backward has set it


def test_an_output_that_is_the_input_has_gradient_one(work: RemoteSubmission) -> None:
    """Returning the argument itself passes the gradient through."""
    x = doubles(2)
    remote(work, "identity")(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]


def test_several_outputs_share_one_graph(work: RemoteSubmission) -> None:
    """Each output carries a gradient or not, alone, together and one after the other."""
    x = doubles(3)
    result = remote(work, "several")(x)
    total, detached = result["pair"]
    assert (result["value"].requires_grad, total.requires_grad) == (True, True)
    assert not result["index"].requires_grad
    assert not detached.requires_grad
    total.backward(retain_graph=True)
    (result["value"].sum() + total).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 4.0, 4.0]


def test_an_output_met_twice_collects_both_gradients(work: RemoteSubmission) -> None:
    """One tensor at two places of the result is one tensor."""
    x = doubles(2)
    first, second = remote(work, "twice")(x)
    assert first is second
    (first.sum() + second.sum()).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 4.0]


def test_a_graph_that_reaches_no_argument_still_requires_a_gradient(
    work: RemoteSubmission,
) -> None:
    """A result of graded code's own parameter can be run backward; arguments get nothing."""
    for arguments, name in (((doubles(2),), "own_parameter"), ((), "the_parameter")):
        result = remote(work, name)(*arguments)
        assert result.requires_grad
        result.sum().backward()
        assert all(argument.grad is None for argument in arguments)


def test_backward_twice_needs_retain_graph_as_ever(work: RemoteSubmission) -> None:
    """A freed graph is freed, a retained one is not."""
    x = doubles(2)
    y = remote(work, "cube")(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, 6 * x**2)
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_without_grad_mode_there_is_no_graph(work: RemoteSubmission) -> None:
    """The grader's grad mode holds in the worker, and graded code's own holds too."""
    x = doubles(2)
    with torch.no_grad():
        assert not remote(work, "cube")(x).requires_grad
    assert not remote(work, "frozen")(x).requires_grad
    assert remote(work, "cube")(x).requires_grad


def test_editing_an_argument_in_place_is_allowed_where_it_is_locally(
    work: RemoteSubmission, local: Local
) -> None:
    """A leaf refuses, what was computed does not and passes its gradient on, strided or not."""
    with pytest.raises(RuntimeError, match="leaf"):
        remote(work, "edit")(doubles(2))
    for view in (slice(None), slice(None, None, 2)):
        x = doubles(4)
        remote(work, "edit")((x * 2)[view]).sum().backward()
        y = doubles(4)
        local["edit"]((y * 2)[view]).sum().backward()
        assert x.grad is not None
        assert y.grad is not None
        assert torch.equal(x.grad, y.grad)


def test_arguments_edited_in_place_keep_their_graph(work: RemoteSubmission) -> None:
    """The arguments after the call can be run backward too."""
    x = doubles(2)
    (after,) = work.observe("edit", (x * 1,), {}).arguments
    after.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.complex64])
def test_every_kind_of_number_has_gradients(
    work: RemoteSubmission, local: Local, dtype: torch.dtype
) -> None:
    """Gradients arrive in the dtype of the input, equal to the local ones."""
    gradients = []
    for f in (remote(work, "cube"), local["cube"]):
        x = torch.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
        gradients.append(torch.autograd.grad(f(x).abs().sum(), x)[0])
    assert torch.equal(*gradients)


@pytest.mark.parametrize(
    "x",
    [
        torch.tensor(1.5, dtype=torch.float64),
        torch.empty(0, 3, dtype=torch.float64),
        doubles(2, 3).detach().T,
        doubles(3).detach().expand(2, 3),
        doubles(4, 3).detach()[1:, 1:],
    ],
    ids=["scalar", "empty", "transposed", "expanded", "offset"],
)
def test_every_layout_has_gradients(work: RemoteSubmission, local: Local, x: torch.Tensor) -> None:
    """Gradients of odd shapes and strides are the local ones."""
    x = x.detach().requires_grad_()
    upstream = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    there, here = (
        torch.autograd.grad(f(x), x, upstream) for f in (remote(work, "cube"), local["cube"])
    )
    assert torch.equal(there[0], here[0])


def test_an_exception_in_a_backward_is_graded_codes_own(work: RemoteSubmission) -> None:
    """What the learner's backward raises arrives as its builtin type, with its place."""
    y = remote(work, "Raises.apply")(doubles(2))
    with pytest.raises(KeyError, match="in backward") as raised:
        y.sum().backward()
    assert isinstance(raised.value, StudentError)
    assert raised.value.place is not None
    assert "raise KeyError" in WORK.splitlines()[raised.value.place.line - 1]


def test_a_gradient_of_the_wrong_shape_is_graded_codes_error(work: RemoteSubmission) -> None:
    """Torch's own complaint about the learner's backward is what the learner reads."""
    y = remote(work, "WrongShape.apply")(doubles(3))
    with pytest.raises(RuntimeError, match="returned an invalid gradient") as raised:
        y.sum().backward()
    assert isinstance(raised.value, StudentFault)


def test_a_backward_that_is_differentiable_once_fails_the_second_time(
    work: RemoteSubmission,
) -> None:
    """The first derivative passes its check, the second fails it."""
    assert gradcheck(remote(work, "Once.apply"), (doubles(2),))
    with pytest.raises(RuntimeError):
        gradgradcheck(remote(work, "Once.apply"), (doubles(2),))


def test_graphs_are_freed_once_nobody_refers_to_them(work: RemoteSubmission) -> None:
    """The worker keeps a graph exactly as long as the grader does, without any collector's help."""
    gc.disable()
    try:
        x = doubles(2)
        results = [remote(work, "cube")(x) for _ in range(3)]
        assert work.call("kept", (), {}) == 3
        results.pop()
        (gradient,) = torch.autograd.grad(results[0].sum(), x, create_graph=True)
        del results, gradient
        assert work.call("kept", (), {}) == 0
        assert work.process._release == []
    finally:
        gc.enable()


def test_an_answer_too_large_to_send_keeps_no_graph(work: RemoteSubmission) -> None:
    """A result that never arrived holds no memory in the worker."""
    x = doubles(2)
    with pytest.raises(StudentFault, match="too large together"):
        work.drive("f", "def f(work, x):\n    return [x * 2] + ['x' * 20] * 60_000\n", (x,), {})
    assert work.call("kept", (), {}) == 0
