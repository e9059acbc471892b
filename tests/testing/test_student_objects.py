"""Objects and modules of graded code as a suite's author meets them, measured by the solution's."""

from __future__ import annotations

from itertools import islice
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from dlcourse.sandbox.faults import MissingName, StudentError, WrongAnswer
from dlcourse.sandbox.unsendable import UnsendableArgument
from dlcourse.testing import NotMirrored, assert_pure, in_worker, watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Enrol
    from dlcourse.testing import Student

WORK = dedent("""\
    import torch
    from torch import nn

    class Mean:
        def __init__(self):
            self.reset()

        def reset(self):
            self.total, self.count = torch.zeros(()), 0

        def update(self, x):
            if not x.numel():
                raise ValueError("nothing")
            self.total, self.count = self.total + x.sum(), self.count + x.numel()
            return self

        def compute(self):
            return self.total / self.count

        def all(self):
            return [self.compute() for _ in range(self.count)]

        def merge(self, other):
            self.total, self.count = self.total + other.total, self.count + other.count

        def copies(self):
            return {"a": [Mean().update(torch.ones(2))]}

        def __len__(self):
            return self.count

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return True

    class Sampler:
        def __init__(self, n, gen):
            self.n, self.gen = n, gen

        def __len__(self):
            return self.n

        def __iter__(self):
            for i in torch.randperm(self.n, generator=self.gen).tolist():
                yield torch.full((2,), i)

    class Net(nn.Module):
        def __init__(self, d=3):
            super().__init__()
            self.fc, self.drop = nn.Linear(d, d), nn.Dropout(0.5)
            self.scale = 2.0
            self.plain = torch.ones(2)

        def forward(self, x):
            return self.drop(self.fc(x)) * self.scale if self.training else (self.fc(x),)

        def loss(self, x, weight=1.0):
            return weight * self.fc(x).pow(2).sum()

        def double_(self, x):
            return x.mul_(2)

        def mean(self):
            return Mean().update(self.fc.weight.detach())

    class Trainer:
        def __init__(self, model):
            self.model = model

        def fit(self, x):
            parameters = [p for p in self.model.parameters() if p.requires_grad]
            for p, g in zip(parameters, torch.autograd.grad(self.model.loss(x), parameters)):
                p.data -= 0.01 * g
            return self

    class Swish(torch.autograd.Function):
        RATE = 0.5

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    def count_up(start):
        while True:
            yield start
            start += 1

    def linear(d):
        return nn.Linear(d, d)

    def total(mean):
        return mean.total

    def refuse(x):
        raise ValueError(x)

    def use(model, x):
        return model.loss(x)
    """)


@in_worker
def updated(student: Any, mean: Any, x: torch.Tensor) -> bool:
    """Update an object beside graded code."""
    mean.update(x)
    return isinstance(mean, student.Mean)


@in_worker
def returns_it(student: Any, mean: Any) -> Any:
    """Return what cannot cross."""
    return [student, mean][1:]


# What a suite can do, with our own code in the learner's place and with a worker alike.


def test_an_object_is_used_as_one(anywhere: Enrol) -> None:
    """Methods, attributes, length and arguments; a method that returns self gives the same."""
    student = anywhere(WORK)
    one, other = student.Mean(), student.Mean()
    assert one.update(torch.ones(2)) is one
    other.update(torch.full((2,), 3.0))
    one.merge(other)
    assert (one.compute(), len(one), one.count) == (2.0, 4, 4)
    assert student.total(one) == 8.0
    one.count = 8
    assert one.compute() == 1.0
    assert [len(copied) for copied in one.copies()["a"]] == [2]
    assert one != other
    with one as inner:
        assert inner is one


def test_methods_have_the_ways_of_functions(anywhere: Enrol) -> None:
    """Of objects and of modules: observed, in place, unchecked."""
    student, x = anywhere(WORK), torch.ones(3)
    mean, net = student.Mean(), student.Net()
    assert mean.update.observed(x).result is mean
    assert mean.update.inplace(x)[0] is not None
    assert mean.compute.unchecked() == 1.0
    assert_pure(mean.update, x, may_alias=True)
    assert torch.equal(net.double_.inplace(torch.ones(3))[0], 2 * x)
    assert_pure(net.loss, x, weight=2.0)
    assert torch.equal(net.loss.unchecked(x), net.loss(x))
    assert repr(net.loss) == "<graded Net.loss>"


def test_methods_are_watched(anywhere: Enrol) -> None:
    """Calls of objects and modules are seen as those of functions are, under their names."""
    student, x = anywhere(WORK), torch.ones(3)
    mean, net = student.Mean(), student.Net().eval()
    with watch(student) as seen:
        mean.update(x)
        len(mean)
        net.double_.unchecked(torch.ones(3))
        net.loss(x)
    assert [call.name for call in seen.calls] == [
        "Mean.update",
        "len",
        "Net.double_",
        "Net.loss",
    ]
    assert seen.mutated == ("the 1st argument of `Net.double_`",)
    assert seen.functions["torch.Tensor.pow"] == 1


def test_an_iterator_is_used_as_one(anywhere: Enrol) -> None:
    """Several epochs draw from the generator, and an endless iterator is cut."""
    student, gen = anywhere(WORK), torch.Generator().manual_seed(1)
    sampler = student.Sampler(4, gen)
    epochs = [[int(i[0]) for i in sampler] for _ in range(3)]
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len(sampler) == 4
    assert list(islice(student.count_up(3), 2)) == [3, 4]


def test_a_generator_that_is_kept_is_the_suite_s(anywhere: Enrol) -> None:
    """Setting it anew repeats the draws, and the solution's object follows."""
    student, gen = anywhere(WORK), torch.Generator()
    sampler = student.Sampler(5, gen)
    orders = []
    for seed in (1, 2, 1):
        gen.manual_seed(seed)
        orders.append([int(i[0]) for i in sampler])
    twin = torch.Generator().manual_seed(1)
    assert orders[0] == orders[2] == torch.randperm(5, generator=twin).tolist()
    assert torch.equal(gen.get_state(), twin.get_state())


def test_a_module_is_used_as_one(anywhere: Enrol) -> None:
    """Training, evaluation, children, hooks and plain attributes."""
    student, x, seen = anywhere(WORK), torch.ones(2, 3), []
    net = student.Net()
    net.register_forward_hook(lambda *_: seen.append(1))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    net(x).sum().backward()
    optimizer.step()
    (y,) = net.eval()(x)
    assert torch.equal(y, net.fc(x))
    assert net.train() is net
    assert seen == [1, 1]
    net.scale = 0.0
    assert not net(x).any()
    assert net.mean().count == 9
    assert not net.fc.bias.grad.isnan().any()


def test_an_object_trains_a_module(anywhere: Enrol) -> None:
    """What the suite froze or loaded before, the solution's module follows."""
    student, x = anywhere(WORK), torch.ones(1, 3)
    net = student.Net().requires_grad_(requires_grad=False)
    net.fc.weight.requires_grad_(requires_grad=True)
    net.load_state_dict({name: torch.ones_like(p) for name, p in net.state_dict().items()})
    trainer = student.Trainer(net)
    assert trainer.fit(x) is trainer
    assert trainer.fit(x).model is net
    assert (net.fc.weight < 1).all()
    assert student.use(net, x).requires_grad


def test_class_attributes_are_values_and_static_methods_are_called(anywhere: Enrol) -> None:
    """Names below a class are what they are in the solution's."""
    student = anywhere(WORK)
    x = torch.ones(2, requires_grad=True)
    student.Swish.apply(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]
    assert student.Swish.RATE == 0.5


def test_a_function_beside_graded_code_gets_the_objects(anywhere: Enrol) -> None:
    """The solution's object does the same, so that later answers are measured rightly."""
    student = anywhere(WORK)
    mean = student.Mean()
    assert updated(student, mean, torch.ones(3))
    assert len(mean.all()) == 3
    with pytest.raises(WrongAnswer, match="the answer holds a value of type `Mean`"):
        returns_it(student, mean)


def test_callables_are_refused(anywhere: Enrol) -> None:
    """Our own code in the learner's place refuses what a worker would."""
    student = anywhere(WORK)
    for value, words in (
        (lambda: 3, "the function `<lambda>`"),
        (nn.Linear(1, 1), "the local module `Linear`"),
        (torch.optim.SGD([torch.ones(1)]), "the optimizer `SGD`"),
    ):
        with pytest.raises(UnsendableArgument, match=words):
            student.total(value)
        with pytest.raises(UnsendableArgument, match="`@in_worker` function"):
            student.Mean().update([value])


def test_what_both_refuse_leaves_both_in_step(anywhere: Enrol) -> None:
    """An exception that is due does not end the comparison."""
    student = anywhere(WORK)
    mean = student.Mean()
    with pytest.raises(ValueError, match="nothing"):
        mean.update(torch.ones(0))
    mean.update(torch.ones(2))
    assert len(mean.all()) == 2


def test_what_the_solution_s_object_lacks_is_the_suite_s_fault(anywhere: Enrol) -> None:
    """Nobody blames it on graded code."""
    student = anywhere(WORK + "Mean.extra = 1\nMean.__getitem__ = lambda self, i: i\n", WORK)
    with pytest.raises(AttributeError, match="extra"):
        _ = student.Mean().extra
    with pytest.raises(TypeError, match="the solution's `Mean` has no `__getitem__`"):
        _ = student.Mean()[0]
    with pytest.raises(AttributeError, match="extra"):
        _ = student.Net().extra


# What graded code does wrong.


def wrong(student: Student, use: Callable[[Student], object]) -> str:
    """Return the sentence of a wrong answer."""
    with pytest.raises(WrongAnswer) as caught:
        use(student)
    return str(caught.value)


LIAR = "class Liar:\n    def __eq__(self, other): return True\n"
OBJECTS: list[tuple[str, Callable[[Student], object], str]] = [
    (
        LIAR + "Mean.compute = lambda self: Liar()",
        lambda s: s.Mean().update(torch.ones(2)).compute(),
        (
            "the result of `Mean.compute` is an object of class `Liar`, not a float32 tensor of "
            "shape ()"
        ),
    ),
    (
        LIAR + "Mean.compute = lambda self: Liar()",
        lambda s: s.Mean().update(torch.ones(2)).compute.unchecked(),
        (
            "the result of `Mean.compute` holds an object of class `Liar`: return tensors, "
            "numbers, strings or containers of them"
        ),
    ),
    (
        "Mean.all = lambda self: [self]",
        lambda s: s.Mean().update(torch.ones(1)).all.unchecked(),
        (
            "the result of `Mean.all` holds an object of class `Mean`: return tensors, numbers, "
            "strings or containers of them"
        ),
    ),
    (
        LIAR + "def refuse(x): return [Liar()]",
        lambda s: s.refuse(3),
        (
            "the result of `refuse` holds an object of class `Liar`: return tensors, numbers, "
            "strings or containers of them"
        ),
    ),
    (
        "Mean.update = lambda self, x: None",
        lambda s: s.Mean().update(torch.ones(2)),
        (
            "the result of `Mean.update` is None, not an object of class `Mean`: does every path "
            "end in `return`?"
        ),
    ),
    (
        "Mean.all = lambda self: []",
        lambda s: s.Mean().update(torch.ones(2)).all(),
        "the result of `Mean.all` has 0 items, not 2",
    ),
    (
        "class Mean(nn.Module): pass",
        lambda s: s.Mean(),
        "the result of `Mean` is an `nn.Module`, not an object of class `Mean`",
    ),
    (
        "class Net(Mean): pass",
        lambda s: s.Net(),
        "the result of `Net` is an object of class `Net`, not an `nn.Module`",
    ),
    (
        "Mean.count = property(lambda self: 'two', lambda self, n: None)",
        lambda s: s.Mean().count,
        "`count` of `Mean` is a str, not an int",
    ),
    (
        "Mean.total = property(lambda self: print, lambda self, n: None)",
        lambda s: s.Mean().total,
        "`total` of `Mean` is a method, not a float32 tensor of shape ()",
    ),
    (
        "Mean.__enter__ = lambda self: 3",
        lambda s: s.Mean().__enter__(),
        "what `with` gets from `Mean` is an int, not an object of class `Mean`",
    ),
    (
        "Sampler.__iter__ = lambda self: iter([torch.ones(3)])",
        lambda s: list(s.Sampler(2, torch.Generator())),
        "item 0 of the iterator has shape (3,), not (2,)",
    ),
    (
        "Sampler.__iter__ = lambda self: (torch.full((2,), i) for i in range(9))",
        lambda s: list(s.Sampler(2, torch.Generator())),
        "the iterator goes on after the 2 items that are due",
    ),
    (
        "Sampler.__iter__ = lambda self: iter([])",
        lambda s: list(s.Sampler(2, torch.Generator())),
        "the iterator ends after 0 items, where more are due",
    ),
    (
        "def count_up(start): return [start]",
        lambda s: s.count_up(1),
        "the result of `count_up` is a list of 1, not an object of class `generator`",
    ),
    (
        "Swish.RATE = None",
        lambda s: s.Swish.RATE,
        "`Swish.RATE` is None, not a float",
    ),
]


@pytest.mark.parametrize(("changes", "use", "sentence"), OBJECTS)
def test_an_answer_of_another_structure_is_told(
    in_a_worker: Enrol, changes: str, use: Callable[[Student], object], sentence: str
) -> None:
    """Answers of methods, attributes and iterators are compared with those of the twin."""
    assert wrong(in_a_worker(WORK + changes, WORK), use) == sentence


MODULES: list[tuple[str, Callable[[Student], object], str]] = [
    (
        "Net.forward = lambda self, x: x[0]",
        lambda s: s.Net()(torch.ones(2, 3)),
        "the result of `Net.forward` has shape (3,), not (2, 3)",
    ),
    (
        "Net.loss = lambda self, x: self.fc",
        lambda s: s.Net().loss(torch.ones(2, 3)),
        "the result of `Net.loss` is an `nn.Module`, not a float32 tensor of shape ()",
    ),
    (
        "Net.loss = lambda self, x: self",
        lambda s: s.Net().loss.unchecked(torch.ones(2, 3)),
        (
            "the result of `Net.loss` holds an `nn.Module`: return tensors, numbers, strings or "
            "containers of them"
        ),
    ),
    (
        "Net.mean = lambda self: self",
        lambda s: s.Net().mean(),
        "the result of `Net.mean` is an `nn.Module`, not an object of class `Mean`",
    ),
    (
        (
            "class Own(Net):\n    def __init__(self):\n        super().__init__()\n"
            "        self.fc = nn.Linear(4, 3)\n"
            "Net = Own"
        ),
        lambda s: s.Net().fc.weight,
        "`weight` of `Linear` has shape (3, 4), not (3, 3)",
    ),
    (
        (
            "class Own(Net):\n    def __init__(self):\n        super().__init__()\n"
            "        del self.fc\n        self.fc = nn.Parameter(torch.ones(3))\n"
            "Net = Own"
        ),
        lambda s: s.Net().fc,
        "`fc` of `Own` is a float32 tensor of shape (3,), not an `nn.Module`",
    ),
]


@pytest.mark.parametrize(("changes", "use", "sentence"), MODULES)
def test_a_module_of_another_structure_is_told(
    in_a_worker: Enrol, changes: str, use: Callable[[Student], object], sentence: str
) -> None:
    """Answers of modules, and what is asked of them by name."""
    assert wrong(in_a_worker(WORK + changes, WORK), use) == sentence


def test_parameters_need_not_be_the_solution_s(in_a_worker: Enrol) -> None:
    """A module may be built in another way, with other names and more of them."""
    other = dedent("""\
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.more = nn.Parameter(torch.eye(3)), nn.ModuleList([nn.Linear(3, 3)])

            def forward(self, x):
                return self.more[0](x @ self.a)
        """)
    net = in_a_worker(WORK + other, WORK).Net()
    net(torch.ones(2, 3)).sum().backward()
    assert [name for name, _ in net.named_parameters()] == ["a", "more.0.weight", "more.0.bias"]
    assert net.a.grad is not None
    assert net.more[0](torch.ones(1, 3)).shape == (1, 3)
    net.more[0].eval()


@pytest.mark.parametrize(
    ("changes", "use", "sentence"),
    [
        (
            "del Mean.merge",
            lambda s: s.Mean().merge(s.Mean()),
            "`Mean` in `work.py` has no `merge`",
        ),
        (
            "class Mean: pass",
            lambda s: s.Mean().count,
            "`Mean` in `work.py` has no `count`: define it as the stub does",
        ),
        (
            "class Net(nn.Module): pass",
            lambda s: s.Net().fc,
            "`Net` in `work.py` has no `fc`: define it as the stub does",
        ),
        ("del Net.loss", lambda s: s.Net().loss(torch.ones(3)), "`Net` in `work.py` has no `loss`"),
    ],
)
def test_a_name_that_is_missing_is_told(
    in_a_worker: Enrol, changes: str, use: Callable[[Student], object], sentence: str
) -> None:
    """The learner reads the class and the file."""
    with pytest.raises(MissingName) as caught:
        use(in_a_worker(WORK + changes, WORK))
    assert sentence in str(caught.value)


def test_where_the_solution_raises_nothing_is_compared_any_more(in_a_worker: Enrol) -> None:
    """An object whose twin could not follow goes on without it; objects stay refused."""
    changes = "Mean.update = lambda self, x: 3\nMean.all = lambda self: 'all'\n"
    changes += "Mean.copies = lambda self: [self]\n"
    mean = in_a_worker(WORK + changes, WORK).Mean()
    assert mean.update(torch.ones(0)) == 3
    assert mean.all() == "all"
    assert mean.count == 0
    with pytest.raises(WrongAnswer, match="holds an object of class `Mean`"):
        mean.copies()


# NotMirrored is the suite's fault: graded code cannot bring it about.


def test_what_is_not_mirrored_is_told_with_a_twin_as_well(in_a_worker: Enrol) -> None:
    """The operations that a suite must leave alone."""
    student = in_a_worker(WORK)
    net, mean = student.Net(), student.Mean()
    operations: list[Callable[[], object]] = [
        net.double,
        lambda: net.fc.register_forward_hook(print),
        lambda: setattr(net, "fc", None),
        lambda: mean.__deepcopy__({}),
        lambda: torch.vmap(student.linear(3))(torch.ones(2, 3)),
        lambda: torch.vmap(mean.update)(torch.ones(2, 3)),
        lambda: torch.func.grad(student.total)(torch.ones(2)),
    ]
    for operation in operations:
        with pytest.raises(NotMirrored, match="do it in a function marked `@in_worker`"):
            operation()


CAUSES: list[tuple[str, Callable[[Student], object]]] = [
    # More modules than the exercise asks for.
    (
        "def linear(d): return nn.Sequential(nn.Linear(d, d))",
        lambda s: [child.half() for child in s.linear(3).children()],
    ),
    (
        "def linear(d): return nn.Sequential(nn.Linear(d, d))",
        lambda s: [m.register_forward_hook(print) for m in s.linear(3).modules()],
    ),
    # A module, where a tensor is due.
    ("Net.loss = lambda self, x: self", lambda s: s.Net().loss(torch.ones(3)).double()),
    ("Net.loss = lambda self, x: self", lambda s: s.Net().loss.unchecked(torch.ones(3)).double()),
    ("def refuse(x): return nn.Linear(1, 1)", lambda s: s.refuse(1).double()),
    (
        "Net.double_ = lambda self, x: x.append(self)",
        lambda s: s.Net().double_.inplace([torch.ones(1)])[0][-1].double(),
    ),
    # A parameter, where the solution has a plain attribute.
    (
        (
            "class Own(Net):\n    def __init__(self):\n        super().__init__()\n"
            "        self.plain = nn.Parameter(self.plain)\n"
            "Net = Own"
        ),
        lambda s: setattr(s.Net(), "plain", torch.zeros(2)),
    ),
]


@pytest.mark.parametrize(("changes", "use"), CAUSES)
def test_graded_code_cannot_make_the_suite_be_at_fault(
    in_a_worker: Enrol, changes: str, use: Callable[[Student], object]
) -> None:
    """Where the solution would not have met it, it is a fault of graded code."""
    with pytest.raises((WrongAnswer, StudentError)):
        use(in_a_worker(WORK + changes, WORK))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("nn.Linear(d, d + 1)", "`weight` of `Linear` has shape (4, 3), not (3, 3)"),
        ("nn.Linear(d, d).double()", "`weight` of `Linear` has dtype float64, not float32"),
        (
            "nn.LSTM(d, d)",
            (
                "`weight_ih_l0` of `LSTM` is a parameter or buffer that the exercise does not ask "
                "for: build the module as the stub does"
            ),
        ),
    ],
)
def test_parameters_of_another_kind_do_not_put_the_blame_on_the_suite(
    in_a_worker: Enrol, source: str, sentence: str
) -> None:
    """A suite may give each parameter the `data` of the solution's: those that fit take it."""

    def use(student: Student) -> object:
        layer = student.linear(3)
        for mine, theirs in zip(
            layer.parameters(), torch.nn.Linear(3, 3).parameters(), strict=False
        ):
            mine.data = theirs.data
        return layer(torch.ones(2, 3))

    assert wrong(in_a_worker(f"{WORK}def linear(d): return {source}\n", WORK), use) == sentence
    use(in_a_worker(WORK))


def test_data_of_another_shape_than_the_solution_s_is_the_suite_s_fault(
    in_a_worker: Enrol,
) -> None:
    """What fits neither graded code's parameter nor the solution's."""
    layer = in_a_worker(WORK).linear(3)
    layer.weight.data = torch.ones(2, 2)
    with pytest.raises(NotMirrored, match="of another shape or dtype"):
        layer(torch.ones(2, 3))


CACHE = dedent("""\
    import torch
    from torch import nn

    class Cache(nn.Module):
        def __init__(self):
            super().__init__()
            self.kept = {}

        def __setitem__(self, key, value):
            self.kept[key] = value

        def __getitem__(self, key):
            return self.kept[key]

        def __len__(self):
            return len(self.kept)
    """)


KEEPS_NOTHING = dedent("""\
    class Cache(nn.ModuleList):
        def __init__(self):
            super().__init__([nn.Identity()])

        def __setitem__(self, key, value):
            pass
    """)


def test_a_container_is_one_where_the_solution_has_one(in_a_worker: Enrol) -> None:
    """Else its items are answers: they are compared, and setting one is no fault of the suite."""

    def use(student: Student) -> object:
        cache = student.Cache()
        cache[0] = torch.ones(2)
        return cache[0]

    sentence = "an item of `Cache` is an `nn.Module`, not a float32 tensor of shape (2,)"
    assert wrong(in_a_worker(CACHE + KEEPS_NOTHING, CACHE), use) == sentence
    with pytest.raises(StudentError, match="IndexError"):
        use(in_a_worker(CACHE + "class Cache(nn.ModuleList): pass\n", CACHE))
    use(in_a_worker(CACHE))


def test_a_child_that_is_handed_out_as_a_whole_is_one(in_a_worker: Enrol) -> None:
    """Hooks on a module that the solution makes anew are allowed, though graded code does not."""
    changes = "NET = Net()\ndef linear(d): return NET.fc\nNet = lambda: NET\n"
    solution = WORK + "def Net(): return nn.Sequential()\n"
    student = in_a_worker(WORK + changes, solution)
    net, part, seen = student.Net(), student.linear(3), []
    assert part is net.fc
    part.register_forward_hook(lambda *_: seen.append(1))
    part(torch.ones(1, 3))
    assert seen == [1]
