"""Modules of graded code in a real worker, seen through their mirrors."""

from __future__ import annotations

import gc
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.func import functional_call

from dlcourse.sandbox.faults import MissingName, StudentError, WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Load
    from dlcourse.sandbox.remote import RemoteSubmission

WORK = dedent("""\
    import gc

    import torch
    from torch import nn

    class MLP(nn.Module):
        def __init__(self, d=3, h=5):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(d, h), nn.Linear(h, d, bias=False)
            self.rate = 0.5

        def forward(self, x):
            return self.fc2(torch.tanh(self.fc1(x)))

        def loss(self, x, scale=1.0):
            return scale * (self(x) - x).pow(2).mean()

        @property
        def norm(self):
            return self.fc1.weight.norm()

    class Norm(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.bn = nn.BatchNorm1d(d)
            self.register_buffer("seen", torch.zeros(()), persistent=False)
            self.register_buffer("nothing", None)
            self.register_parameter("absent", None)

        def forward(self, x):
            self.seen = self.seen + len(x)  # another tensor each time
            return self.bn(x)

    class Tied(nn.Module):
        def __init__(self, d, h):
            super().__init__()
            self.w = nn.Parameter(torch.randn(h, d))
            self.inner = nn.Linear(d, h, bias=False)
            self.inner.weight = self.w
            self.same = self.inner

        def forward(self, x):
            return self.inner(x) @ self.w

        def untie(self):
            self.inner.weight = nn.Parameter(self.w.detach().clone())

    class LoRA(nn.Module):
        def __init__(self, base, r):
            super().__init__()
            self.base = base
            self.a = nn.Parameter(torch.randn(r, base.in_features))
            self.b = nn.Parameter(torch.zeros(base.out_features, r))
            base.weight.requires_grad_(False)

        def forward(self, x):
            return self.base(x) + x @ self.a.T @ self.b.T

    class Late(nn.Module):
        def forward(self, x):
            if not hasattr(self, "w"):
                self.w = nn.Parameter(torch.full(x.shape[-1:], 2.0))
            return x * self.w

    class Modes(nn.Module):
        def __init__(self):
            super().__init__()
            self.frozen, self.drop = nn.Dropout(0.5), nn.Dropout(0.5)
            self.frozen.eval()

        def train(self, mode=True):
            super().train(mode)
            self.frozen.eval()  # and no `return self`

        def forward(self, x):
            return self.drop(x)

    class Containers(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
            self.net = nn.Sequential(nn.Linear(2, 4), nn.ReLU())
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 2)})
            self.weights = nn.ParameterList([nn.Parameter(torch.ones(2))])
            self.named = nn.ParameterDict({"w": nn.Parameter(torch.zeros(3))})

        def grow(self):
            self.layers.append(nn.Linear(2, 7))

    class Ring(nn.Module):
        def __init__(self):
            super().__init__()
            self.me = self

    class Unborn(nn.Module):
        def __init__(self):
            pass

    class Clamped(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.tensor([-3.0, 0.5]))

        def forward(self, x):
            with torch.no_grad():
                self.w.clamp_(-1, 1)
            return x * self.w

        def freeze(self):
            self.w.requires_grad_(False)

    class Trainer:
        def __init__(self, model, lr):
            self.model, self.optimizer = model, torch.optim.SGD(model.parameters(), lr)

        def fit(self, x, n):
            for _ in range(n):
                self.optimizer.zero_grad()
                self.model.loss(x).backward()
                self.optimizer.step()
            return self

    def make(name, *args):
        return getattr(nn, name)(*args)

    def first_weight(model):
        return model.fc1.weight

    def double(x):
        return 2 * x

    def exotic():
        m = nn.Linear(2, 2)
        m.register_buffer("sparse", torch.eye(2).to_sparse())
        return m

    def lazy():
        return nn.LazyLinear(2)

    def alive():
        gc.collect()
        return sum(isinstance(thing, MLP) for thing in gc.get_objects())
    """)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As many threads as a worker has: with more, sums round otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def work(load: Load) -> RemoteSubmission:
    """The source above in a worker."""
    return load(WORK, budget=30.0)


@pytest.fixture
def local() -> Any:
    """The source above in this process."""
    made = ModuleType("local")
    exec(WORK, vars(made))  # noqa: S102 - the text of this test
    return made


def pair(work: RemoteSubmission, local: Any, name: str, *arguments: Any) -> tuple[Any, Any]:
    """Make a module here and there, with the same parameters."""
    mirror, twin = work.call(name, arguments, {}), getattr(local, name)(*arguments)
    twin.load_state_dict(mirror.state_dict())
    return mirror, twin


def same(mirror: nn.Module, twin: nn.Module) -> bool:
    """Whether two modules hold the same, bit for bit."""
    one, other = mirror.state_dict(), twin.state_dict()
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def test_a_module_is_mirrored_as_a_module(work: RemoteSubmission, local: Any) -> None:
    """Names, order, kinds and the tree are the module's own."""
    mirror, twin = pair(work, local, "MLP")
    assert issubclass(type(mirror), nn.Module)
    names = [name for name, _ in mirror.named_parameters()]
    assert names == [name for name, _ in twin.named_parameters()]
    assert [name for name, _ in mirror.named_modules()] == ["", "fc1", "fc2"]
    assert all(type(p) is nn.Parameter and p.is_leaf for p in mirror.parameters())
    assert repr(mirror) == "MLP(\n  (fc1): Linear()\n  (fc2): Linear()\n)"
    assert mirror.fc2.bias is None


def test_forward_is_the_module_s(work: RemoteSubmission, local: Any) -> None:
    """The value is the one that the same parameters give here."""
    mirror, twin = pair(work, local, "MLP")
    x = torch.randn(4, 3)
    assert torch.equal(mirror(x), twin(x))
    assert torch.equal(mirror.forward(x), twin(x))
    assert torch.equal(mirror.forward.observed(x).result, twin(x))


def test_training_here_gives_what_local_training_gives(work: RemoteSubmission, local: Any) -> None:
    """Bit for bit, after steps of AdamW on the mirror's parameters."""
    mirror, twin = pair(work, local, "MLP")
    for module in (mirror, twin):
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)
        for step in range(4):
            optimizer.zero_grad()
            x = torch.linspace(-1, 1 + step, 12).view(4, 3)
            (module(x) - x).pow(2).mean().backward()
            optimizer.step()
    assert same(mirror, twin)


def test_a_method_is_differentiable_in_the_parameters(work: RemoteSubmission, local: Any) -> None:
    """Gradients of any method, and of a property, reach the mirror's parameters."""
    mirror, twin = pair(work, local, "MLP")
    x = torch.randn(4, 3)
    for module in (mirror, twin):
        (module.loss(x, scale=3.0) + module.norm).backward()
    for mine, theirs in zip(mirror.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_gradients_can_be_differentiated_again(work: RemoteSubmission, local: Any) -> None:
    """A gradient penalty reaches the parameters too."""
    mirror, twin = pair(work, local, "MLP")
    for module in (mirror, twin):
        x = torch.linspace(-1, 1, 6).view(2, 3).requires_grad_()
        (slope,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
        slope.pow(2).sum().backward()  # type: ignore[no-untyped-call] # torch's
    for mine, theirs in zip(mirror.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_finite_differences_agree(work: RemoteSubmission) -> None:
    """Finite differences perturb the parameters in place; every step reaches the worker."""
    mirror = work.call("make", ("Bilinear", 2, 3, 2, True, None, torch.float64), {})
    x, y = torch.randn(4, 2, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *_: mirror(x, y), tuple(mirror.parameters()))


def test_a_graph_outlives_steps_of_other_parameters(work: RemoteSubmission) -> None:
    """A generator's graph is differentiated after the critic's optimizer has stepped."""
    generator, critic = work.call("MLP", (), {}), work.call("MLP", (), {})
    fake: Any = generator(torch.randn(2, 3))
    optimizer = torch.optim.SGD(critic.parameters(), 0.1)
    critic(fake.detach()).sum().backward()
    optimizer.step()
    fake.sum().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())


def test_no_gradient_no_graph(work: RemoteSubmission) -> None:
    """Without autograd, or with all parameters frozen, the result has no graph."""
    mirror = work.call("MLP", (), {})
    with torch.no_grad():
        assert not mirror(torch.ones(1, 3)).requires_grad
    mirror.requires_grad_(requires_grad=False)
    assert not mirror(torch.ones(1, 3)).requires_grad
    mirror.fc1.requires_grad_(requires_grad=True)
    mirror(torch.ones(1, 3)).sum().backward()
    assert mirror.fc1.weight.grad is not None
    assert mirror.fc2.weight.grad is None


def test_state_dicts_go_both_ways(work: RemoteSubmission, local: Any) -> None:
    """What is loaded into a mirror is what the worker computes with."""
    mirror, _ = pair(work, local, "MLP")
    other = local.MLP()
    mirror.load_state_dict(other.state_dict())
    x = torch.randn(2, 3)
    assert torch.equal(mirror(x), other(x))
    assert same(mirror, other)


def test_not_a_number_is_a_content_like_any_other(work: RemoteSubmission) -> None:
    """NaN and the sign of zero reach the worker, once."""
    mirror = work.call("make", ("Linear", 1, 1), {})
    with torch.no_grad():
        mirror.weight.fill_(torch.nan)
        mirror.bias.fill_(-0.0)
    assert mirror(torch.ones(1, 1)).isnan().all()
    with torch.no_grad():
        mirror.weight.fill_(-0.0)
    assert torch.signbit(mirror(torch.ones(1, 1))).all()


def test_buffers_that_the_call_changed_come_back(work: RemoteSubmission, local: Any) -> None:
    """Running statistics, edited in place or replaced, are the mirror's after each call."""
    mirror, twin = pair(work, local, "Norm", 3)
    x = torch.randn(5, 3)
    for module in (mirror, twin, mirror, twin):
        module(x)
    assert same(mirror, twin)
    assert mirror.seen == 10
    assert "seen" not in mirror.state_dict()
    assert mirror.nothing is None
    assert mirror.absent is None
    assert mirror.bn.num_batches_tracked == 2


def test_train_and_eval_reach_the_worker(work: RemoteSubmission) -> None:
    """Flags set by either method, on a part, or directly are the worker's."""
    mirror, x = work.call("Norm", (2,), {}), torch.randn(4, 2)
    assert mirror.eval() is mirror
    assert not mirror.bn.training
    mirror(x)
    assert mirror.bn.num_batches_tracked == 0
    mirror.bn.training = True
    mirror(x)
    assert mirror.bn.num_batches_tracked == 1
    mirror.train()
    mirror.bn.eval()
    mirror(x)
    assert mirror.bn.num_batches_tracked == 1


def test_the_module_s_own_train_is_called(work: RemoteSubmission) -> None:
    """What it does to the flags shows here, whatever it returns."""
    mirror = work.call("Modes", (), {})
    assert mirror.train() is mirror
    assert (mirror.training, mirror.drop.training, mirror.frozen.training) == (True, True, False)
    mirror.eval()
    assert torch.equal(mirror(torch.ones(4)), torch.ones(4))


def test_tied_parameters_are_one(work: RemoteSubmission, local: Any) -> None:
    """They are named once, and get the sum of their gradients once."""
    mirror, twin = pair(work, local, "Tied", 3, 2)
    assert mirror.inner.weight is mirror.w
    assert mirror.inner is mirror.same
    assert [name for name, _ in mirror.named_parameters()] == ["w"]
    x = torch.randn(4, 3)
    for module in (mirror, twin):
        module(x).pow(2).sum().backward()
    torch.testing.assert_close(mirror.w.grad, twin.w.grad)


def test_parameters_can_be_untied(work: RemoteSubmission) -> None:
    """A call that unties them is described anew; the first one stays the same object."""
    mirror = work.call("Tied", (3, 2), {})
    before = mirror.w
    mirror.untie()
    assert mirror.w is before
    assert mirror.inner.weight is not mirror.w
    mirror(torch.randn(4, 3)).sum().backward()
    assert mirror.inner.weight.grad is not None


def test_a_module_made_of_another_shares_its_parameters(work: RemoteSubmission) -> None:
    """An adapter around a mirror holds that very mirror; what it freezes is frozen here."""
    base = work.call("make", ("Linear", 3, 2), {})
    weight = base.weight
    lora = work.call("LoRA", (base, 2), {})
    assert lora.base is base
    assert lora.base.weight is weight
    assert not weight.requires_grad
    lora(torch.randn(4, 3)).sum().backward()
    assert weight.grad is None
    assert lora.b.grad is not None
    with torch.no_grad():
        base.weight.zero_()
        base.bias.zero_()
    assert not lora(torch.ones(1, 3)).any()


def test_an_object_that_trains_a_module_keeps_the_mirror_right(
    work: RemoteSubmission, local: Any
) -> None:
    """Every call brings all mirrors into step, also those that only an object holds."""
    mirror, twin = pair(work, local, "MLP")
    x = torch.randn(4, 3)
    trainer = work.call("Trainer", (mirror, 0.1), {})
    assert trainer.fit(x, 3) is trainer
    local.Trainer(twin, 0.1).fit(x, 3)
    assert same(mirror, twin)
    assert trainer.model is mirror


def test_a_driver_trains_a_mirrored_module(work: RemoteSubmission, local: Any) -> None:
    """Beside graded code the argument is the live module."""
    mirror, twin = pair(work, local, "MLP")
    x = torch.randn(4, 3)
    work.drive("f", "def f(work, m, x):\n    work.Trainer(m, 0.1).fit(x, 2)\n", (mirror, x), {})
    local.Trainer(twin, 0.1).fit(x, 2)
    assert same(mirror, twin)


def test_parameters_made_in_the_call_appear(work: RemoteSubmission) -> None:
    """The mirror is described anew in place, and the first gradient reaches them already."""
    mirror, x = work.call("Late", (), {}), torch.ones(2, 3)
    assert list(mirror.parameters()) == []
    mirror(x).sum().backward()
    assert [name for name, _ in mirror.named_parameters()] == ["w"]
    assert mirror.w.grad.tolist() == [2.0, 2.0, 2.0]


def test_lazy_modules_of_torch_appear_as_well(work: RemoteSubmission) -> None:
    """A parameter without a shape is not there until it has one."""
    mirror = work.call("lazy", (), {})
    assert list(mirror.parameters()) == []
    mirror(torch.ones(1, 3)).sum().backward()
    assert mirror.weight.shape == (2, 3)
    assert mirror.weight.grad is not None


def test_children_are_mirrors(work: RemoteSubmission, local: Any) -> None:
    """A part can be called by itself, and its parameters are the whole's."""
    mirror, twin = pair(work, local, "MLP")
    x = torch.randn(4, 3)
    assert torch.equal(mirror.fc1(x), twin.fc1(x))
    assert mirror.fc1.weight is next(mirror.parameters())


def test_containers_are_indexed_counted_and_iterated(work: RemoteSubmission) -> None:
    """Those of torch are read here, without a call."""
    mirror = work.call("Containers", (), {})
    assert len(mirror.layers) == 3
    assert list(mirror.layers) == [mirror.layers[0], mirror.layers[1], mirror.layers[-1]]
    assert mirror.net[0](torch.ones(1, 2)).shape == (1, 4)
    assert mirror.net(torch.ones(1, 2)).shape == (1, 4)
    assert list(mirror.heads) == list(mirror.heads.keys()) == ["a", "b"]
    assert mirror.heads["b"].weight.shape == (2, 2)
    assert "c" not in mirror.heads
    assert mirror.weights[0] is next(iter(mirror.weights))
    assert mirror.named["w"].tolist() == [0.0, 0.0, 0.0]
    assert bool(mirror)
    assert len(mirror.layers[:2]) == 2
    with pytest.raises(IndexError):
        _ = mirror.layers[3]


def test_new_children_appear(work: RemoteSubmission) -> None:
    """A call that adds a module is described anew; the others stay the same objects."""
    mirror = work.call("Containers", (), {})
    before = list(mirror.layers)
    mirror.grow()
    assert list(mirror.layers)[:3] == before
    assert mirror.layers[3].weight.shape == (7, 2)


def test_an_edit_within_the_call_is_not_a_stale_graph(work: RemoteSubmission) -> None:
    """A module that clamps its weights before it uses them can be differentiated."""
    mirror = work.call("Clamped", (), {})
    mirror(torch.tensor([2.0, 3.0])).sum().backward()
    assert mirror.w.tolist() == [-1.0, 0.5]
    assert mirror.w.grad.tolist() == [2.0, 3.0]


def test_a_graph_whose_parameter_was_frozen_gives_no_gradient(work: RemoteSubmission) -> None:
    """Freezing shows here, and is no error for the graph from before."""
    mirror = work.call("Clamped", (), {})
    y = mirror(torch.tensor([2.0, 3.0]))
    mirror.freeze()
    assert not mirror.w.requires_grad
    y.sum().backward()
    assert mirror.w.grad is None


def test_hooks_on_the_module_that_is_called_fire(work: RemoteSubmission) -> None:
    """Forward hooks see the tensors, and a full backward hook the gradients."""
    mirror, seen = work.call("MLP", (), {}), []
    mirror.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    mirror.register_forward_hook(lambda *_: torch.zeros(1, requires_grad=True))
    assert mirror(torch.ones(2, 3)).tolist() == [0.0]
    other = work.call("MLP", (), {})
    other.register_full_backward_hook(lambda _, __, given: seen.append(given[0].shape))
    other(torch.ones(4, 3, requires_grad=True)).sum().backward()
    assert seen == [(2, 3), (4, 3)]


def test_hooks_on_parameters_fire(work: RemoteSubmission) -> None:
    """A parameter is an ordinary leaf."""
    mirror, seen = work.call("MLP", (), {}), []
    mirror.fc1.weight.register_hook(lambda gradient: seen.append(gradient.shape))
    mirror(torch.ones(2, 3)).sum().backward()
    assert seen == [(5, 3)]


def test_parameters_can_be_given_for_one_call(work: RemoteSubmission, local: Any) -> None:
    """A functional call of torch puts its tensors in place, also such that are no leaves."""
    mirror, twin = pair(work, local, "MLP")
    x, scale = torch.randn(4, 3), torch.tensor(2.0, requires_grad=True)
    slopes: list[torch.Tensor] = []
    for module in (mirror, twin):
        scaled = {name: scale * p.detach() for name, p in module.named_parameters()}
        slopes += torch.autograd.grad(functional_call(module, scaled, (x,)).sum(), scale)
    torch.testing.assert_close(*slopes)
    assert torch.equal(mirror(x), twin(x))


def test_a_parameter_is_an_argument_like_any_tensor(work: RemoteSubmission) -> None:
    """A function of it is differentiable, and a parameter that is returned carries its graph."""
    mirror = work.call("MLP", (), {})
    work.call("double", (mirror.fc1.weight,), {}).sum().backward()
    assert torch.equal(mirror.fc1.weight.grad, torch.full((5, 3), 2.0))
    work.call("first_weight", (mirror,), {}).sum().backward()
    assert torch.equal(mirror.fc1.weight.grad, torch.full((5, 3), 3.0))


def test_plain_attributes_are_the_module_s(work: RemoteSubmission) -> None:
    """They are read and set in the worker; what is not there is told."""
    mirror = work.call("MLP", (), {})
    mirror.rate = 0.25
    assert mirror.rate == 0.25
    del mirror.rate
    with pytest.raises(MissingName, match=r"`MLP` in `work\.py` has no `rate`"):
        _ = mirror.rate


def test_a_mirror_may_stand_in_a_local_module(work: RemoteSubmission) -> None:
    """A suite composes modules of graded code with its own."""
    mirror = work.call("MLP", (), {})
    net = nn.Sequential(nn.Linear(2, 3), mirror)
    net(torch.ones(1, 2)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_memory_is_freed_on_both_sides(work: RemoteSubmission) -> None:
    """A mirror goes with its last reference, and the module with it."""
    mirror = work.call("MLP", (), {})
    mirror(torch.ones(1, 3)).sum().backward()
    assert work.call("alive", (), {}) == 1
    del mirror
    gc.collect()
    assert work.call("alive", (), {}) == 0
    assert work.objects.mirrors.sync(None, grad=True) is None  # type: ignore[arg-type] # nothing to encode


@pytest.mark.parametrize(
    ("name", "words"),
    [("Ring", "a module that contains itself"), ("exotic", "a sparse_coo tensor")],
)
def test_a_module_that_cannot_be_mirrored_is_wrong(
    work: RemoteSubmission, name: str, words: str
) -> None:
    """The sentence names what cannot cross, and the worker goes on."""
    with pytest.raises(WrongAnswer, match=words):
        work.call(name, (), {})
    assert work.call("double", (1,), {}) == 2


def test_a_module_that_was_never_initialised_is_told(work: RemoteSubmission) -> None:
    """The learner reads which call is missing."""
    with pytest.raises(StudentError, match=r"before its `super\(\).__init__\(\)` call"):
        work.call("Unborn", (), {})


def test_a_call_that_raised_leaves_the_mirror_in_step(work: RemoteSubmission) -> None:
    """The next call brings what the one that raised did, and was told, again into step."""
    mirror = work.call("MLP", (), {})
    with torch.no_grad():
        mirror.fc1.weight.zero_()
    with pytest.raises(StudentError):
        mirror(torch.ones(1, 99))
    with torch.no_grad():
        mirror.fc1.bias.zero_()
    assert not mirror(torch.ones(1, 3)).any()
