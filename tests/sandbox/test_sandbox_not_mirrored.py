"""What does not reach graded code is refused in one sentence, and so are callables."""

from __future__ import annotations

import copy
import io
import pickle
import re
from functools import partial
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from dlcourse.sandbox.not_mirrored import NotMirrored
from dlcourse.sandbox.unsendable import UnsendableArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Load
    from dlcourse.sandbox.remote import RemoteSubmission

WORK = dedent("""\
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)
            self.layers = nn.ModuleList([nn.Linear(2, 2)])

        def forward(self, x):
            return self.fc(x)

    class Plain:
        def run(self, x):
            return 2 * x

    def double(x):
        return 2 * x

    def take(*args):
        return len(args)
    """)
ADVICE = " cannot reach graded code: do it in a function marked `@in_worker`"


@pytest.fixture
def work(load: Load) -> RemoteSubmission:
    """The source above in a worker."""
    return load(WORK)


def refused(operation: Callable[[], object]) -> str:
    """Run what is refused and return its sentence, without the advice that all have."""
    with pytest.raises(NotMirrored) as caught:
        operation()
    sentence = str(caught.value)
    assert sentence.endswith(ADVICE)
    return sentence.removesuffix(ADVICE)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, ()) for name in ("double", "float", "half", "bfloat16", "cpu", "cuda", "compile")),
        *((name, ("cpu",)) for name in ("to", "to_empty")),
        ("type", (torch.float64,)),
        ("share_memory", ()),
        ("apply", (print,)),
        ("register_buffer", ("b", torch.ones(1))),
        ("register_parameter", ("p", None)),
        ("register_module", ("m", None)),
        ("add_module", ("m", None)),
    ],
)
def test_what_changes_a_module_from_outside_is_refused(
    work: RemoteSubmission, name: str, arguments: tuple[Any, ...]
) -> None:
    """The sentence names the method, on a module and on those inside it."""
    net = work.call("Net", (), {})
    for module in (net, net.fc):
        assert refused(partial(getattr(module, name), *arguments)) == f"`{name}` on a module"


@pytest.mark.parametrize(
    "name",
    [
        "register_forward_pre_hook",
        "register_forward_hook",
        "register_full_backward_pre_hook",
        "register_full_backward_hook",
        "register_backward_hook",
    ],
)
def test_hooks_on_children_are_refused(work: RemoteSubmission, name: str) -> None:
    """They would not fire when the whole is called, for the call runs elsewhere."""
    net = work.call("Net", (), {})
    for child in (net.fc, net.layers, net.layers[0]):
        operation = partial(getattr(child, name), print)
        assert refused(operation) == f"`{name}` on a module inside another one"
    getattr(net, name)(print).remove()


def test_what_is_registered_cannot_be_replaced(work: RemoteSubmission) -> None:
    """Parameters, buffers and children are the worker's to make; deleting them is refused too."""
    net = work.call("Net", (), {})
    words = "replacing, adding or deleting a parameter, buffer or child"
    operations: list[tuple[str, Callable[[], object]]] = [
        ("fc", lambda: setattr(net, "fc", nn.Linear(2, 2))),
        ("fc", lambda: setattr(net, "fc", None)),
        ("new", lambda: setattr(net, "new", nn.Linear(2, 2))),
        ("new", lambda: setattr(net, "new", nn.Parameter(torch.ones(1)))),
        ("weight", lambda: setattr(net.fc, "weight", torch.ones(2, 2))),
        ("fc", lambda: delattr(net, "fc")),
        ("0", lambda: net.layers.__setitem__(0, net.fc)),
        ("0", lambda: net.layers.__delitem__(0)),
    ]
    for name, operation in operations:
        assert refused(operation) == f"{words} (`{name}`)"


def test_data_of_another_shape_is_refused(work: RemoteSubmission) -> None:
    """The worker's parameter keeps its shape and dtype."""
    net = work.call("Net", (), {})
    net.fc.weight.data = torch.ones(3, 3)
    words = "giving a parameter or buffer `data` of another shape or dtype"
    assert refused(lambda: net(torch.ones(1, 2))) == words


def test_a_state_cannot_be_assigned(work: RemoteSubmission) -> None:
    """It can be copied, which keeps the parameters."""
    net = work.call("Net", (), {})
    operation = partial(net.load_state_dict, net.state_dict(), assign=True)
    assert refused(operation) == "`load_state_dict` with `assign=True`"


@pytest.mark.parametrize("name", ["Net", "Plain"])
@pytest.mark.parametrize(
    ("duplicate", "words"),
    [
        (copy.copy, "`copy.copy` of an object"),
        (copy.deepcopy, "`copy.deepcopy` of an object"),
        (pickle.dumps, "pickling an object, as `pickle` and `torch.save` do,"),
        (partial(torch.save, f=io.BytesIO()), "pickling an object, as `pickle` and"),
    ],
)
def test_copies_are_refused(
    work: RemoteSubmission, name: str, duplicate: Callable[[Any], object], words: str
) -> None:
    """A copy here would be no copy of the object there."""
    made = work.call(name, (), {})
    assert refused(lambda: duplicate(made)).startswith(words)


# Torch itself imports what it calls deprecated when forward mode is entered first.
forward_mode = pytest.mark.filterwarnings("ignore:.*torch.jit.script")
TRANSFORMS: list[Callable[[Callable[..., Any], torch.Tensor], object]] = [
    lambda f, x: torch.func.vmap(f)(x),
    lambda f, x: torch.func.grad(lambda v: f(v).sum())(x),
    lambda f, x: torch.func.jvp(f, (x,), (x,)),
    lambda f, x: torch.autograd.grad(f(x), x, torch.ones(3, *x.shape), is_grads_batched=True),
]


@forward_mode
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ["double", "Net", "Plain"])
def test_transforms_are_refused(
    work: RemoteSubmission, name: str, transform: Callable[..., object]
) -> None:
    """Functions, methods and modules meet ordinary tensors alone."""
    x = torch.ones(4, 2, requires_grad=True)
    if name == "double":
        sentence = refused(lambda: transform(lambda v: work.call("double", (v,), {}), x))
    else:
        made = work.call(name, (), {})
        sentence = refused(lambda: transform(made.run if name == "Plain" else made, x))
    assert sentence == "`vmap`, or another transform of `torch.func`,"


@forward_mode
def test_forward_mode_is_refused(work: RemoteSubmission) -> None:
    """A tangent would be lost on the way."""
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(torch.ones(2), torch.ones(2))  # type: ignore[no-untyped-call] # torch's
        sentence = refused(lambda: work.call("double", (dual,), {}))
        assert work.call("double", (torch.ones(1),), {}) == 2
    assert sentence == "forward-mode differentiation, such as `torch.func.jvp`,"


class _Local:
    def step(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: 3, "the function `<lambda>`"),
        (refused, "the function `refused`"),
        (len, "the function `len`"),
        (torch.relu, "the function `relu`"),
        (_Local().step, "the method `_Local.step`"),
        (torch.ones(1).sum, "the method `Tensor.sum`"),
        (_Local, "the class `_Local`"),
        (_Local(), "a value of type `_Local`"),
        (partial(len, ()), "a value of type `partial`"),
        (nn.Linear(1, 1), "the local module `Linear`"),
        (torch.optim.SGD([torch.ones(1)]), "the optimizer `SGD`"),
        (
            torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(1))),
            "the loader `DataLoader`",
        ),
    ],
)
def test_callables_and_what_holds_them_are_refused(
    work: RemoteSubmission, value: object, words: str
) -> None:
    """The sentence names the argument and the way to do it."""
    expected = re.escape(f"an argument holds {words}, which cannot cross to graded code: ")
    for arguments in ((value,), ([{"key": (value,)}],)):
        with pytest.raises(UnsendableArgument, match=expected) as caught:
            work.call("take", arguments, {})
        assert str(caught.value).endswith("or run the call in an `@in_worker` function")
    assert work.call("take", (1,), {}) == 1


def test_a_handle_of_graded_code_is_no_argument_either(work: RemoteSubmission) -> None:
    """A method that stays in the worker is passed in an `@in_worker` function."""
    with pytest.raises(UnsendableArgument, match="a value of type `GradedMethod`"):
        work.call("take", (work.call("Plain", (), {}).run,), {})
