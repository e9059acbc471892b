"""Objects of graded code in a real worker, seen through their stand-ins."""

from __future__ import annotations

import copy
import gc
import pickle
from itertools import islice
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.sandbox import remote_access
from dlcourse.sandbox.faults import MissingName, StudentError, WrongAnswer
from dlcourse.sandbox.live import MAX_OBJECTS
from dlcourse.sandbox.not_mirrored import NotMirrored
from dlcourse.sandbox.unsendable import UnsendableArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Load
    from dlcourse.sandbox.remote import RemoteSubmission

WORK = dedent("""\
    import contextlib
    import gc

    import torch

    class Mean:
        count = 0

        def __init__(self, start=0.0):
            self.total = torch.as_tensor(start)
            self.rates = {0: 0.5}

        def update(self, x, w=1.0):
            self.total = self.total + (w * x).sum()
            self.count += x.numel()
            return self

        def compute(self):
            return self.total / self.count

        def scale_(self, x):
            x.mul_(2)

        def merge(self, other):
            self.total, self.count = self.total + other.total, self.count + other.count

        def halves(self):
            return [Mean(), {"second": (Mean(), 1)}]

        @classmethod
        def of(cls, x):
            return cls().update(x)

        @property
        def broken(self):
            raise AttributeError("not fitted yet")

        def __len__(self):
            return self.count

        def __call__(self, x):
            return self.total * x

        def __contains__(self, number):
            return number in self.rates

        def __getitem__(self, key):
            return self.rates[key]

        def __setitem__(self, key, value):
            self.rates[key] = value

        def __delitem__(self, key):
            del self.rates[key]

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 0

        def __enter__(self):
            self.open = True
            return self

        def __exit__(self, kind, error, trace):
            self.open, self.failed = False, kind is not None
            return True

    class Batches:
        def __init__(self, n, gen):
            self.n, self.gen = n, gen

        def __iter__(self):
            for start in range(0, self.n, 2):
                yield torch.randperm(self.n, generator=self.gen)[start : start + 2]

    class Urn:
        def __init__(self, gen):
            self.gen = gen

        def draw(self, n):
            torch.rand(3, generator=self.gen) if n < 0 else None
            return torch.rand(n, generator=self.gen)

        def draws_from(self, gen):
            return gen is self.gen

        def reseed(self):
            self.gen.manual_seed(4)

    class Squares:
        def __getitem__(self, i):
            if i > 2:
                raise IndexError
            return i * i

    def naturals():
        n = 0
        while True:
            yield n
            n += 1

    def heavy(size):
        while True:
            yield torch.zeros(size, dtype=torch.uint8)

    def fails_late():
        yield 1
        raise ValueError("late")

    @contextlib.contextmanager
    def opened(log):
        log.n = 1
        try:
            yield 3
        finally:
            log.n = 2

    def many(n):
        return [Mean() for _ in range(n)]

    def same(*args):
        return args

    def alive():
        gc.collect()
        return sum(isinstance(thing, Mean) for thing in gc.get_objects())

    """)


@pytest.fixture
def work(load: Load) -> RemoteSubmission:
    """The source above in a worker."""
    return load(WORK)


def mean(work: RemoteSubmission, *arguments: Any) -> Any:
    """Make a `Mean` there."""
    return work.call("Mean", arguments, {})


def test_methods_run_in_the_worker_and_keep_their_state(work: RemoteSubmission) -> None:
    """A method takes arguments and keywords, and the object remembers."""
    m = mean(work)
    m.update(torch.arange(4.0), w=2.0)
    m.update(torch.ones(2))
    assert m.compute() == 14 / 6
    assert repr(m) == "<graded Mean>"
    assert repr(m.update) == "<graded Mean.update>"


def test_a_method_that_returns_its_object_gives_back_the_same_stand_in(
    work: RemoteSubmission,
) -> None:
    """One object has one stand-in for as long as that one lives."""
    m = mean(work)
    assert m.update(torch.ones(2)) is m
    assert work.call("same", (m, [m]), {}) == (m, [m])


def test_a_method_is_differentiable_in_its_arguments(work: RemoteSubmission) -> None:
    """Gradients flow through a method as through a function."""
    m, x = mean(work, 3.0), torch.ones(2, requires_grad=True)
    m(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]


def test_an_object_may_be_an_argument(work: RemoteSubmission) -> None:
    """What arrives is the object itself."""
    one, other = mean(work), mean(work)
    one.update(torch.ones(2))
    other.update(torch.ones(3))
    one.merge(other)
    assert (one.count, other.count) == (5, 3)


def test_objects_may_be_nested_in_an_answer(work: RemoteSubmission) -> None:
    """Each object of a container has a stand-in of its own."""
    first, rest = mean(work).halves()
    second, one = rest["second"]
    second.update(torch.ones(3))
    assert (len(first), len(second), one) == (0, 3, 1)


def test_a_class_method_makes_an_object_too(work: RemoteSubmission) -> None:
    """Names below a class are called as before."""
    assert work.call("Mean.of", (torch.ones(4),), {}).count == 4


def test_attributes_are_read_written_and_deleted(work: RemoteSubmission) -> None:
    """A plain attribute is its value; a new one may be set."""
    m = mean(work, 2.5)
    assert m.total.item() == 2.5
    m.total, m.label = torch.tensor(4.0), "new"
    assert (m.total.item(), m.label) == (4.0, "new")
    del m.label
    with pytest.raises(MissingName):
        _ = m.label


def test_python_s_syntax_reaches_the_object(work: RemoteSubmission) -> None:
    """Length, truth, items, membership and calls are the object's own."""
    m = mean(work, 2.0)
    assert not m
    m.update(torch.ones(2))
    assert len(m) == 2
    assert m
    m[1] = 0.25
    assert (m[0], m[1], 1 in m, 7 in m) == (0.5, 0.25, True, False)
    del m[1]
    assert 1 not in m
    assert m(torch.ones(2)).tolist() == [4.0, 4.0]


def test_an_object_is_called_whatever_it_says_of_other_names(load: Load) -> None:
    """A `__getattr__` that raises something of its own is met only by those who ask."""
    source = """
        class Double:
            def __getattr__(self, name): return vars(self)[name]
            def __call__(self, x): return 2 * x
        double = Double()
        """
    submission = load(dedent(source))
    assert submission.call("Double", (), {})(3) == 6
    assert submission.call("double", (3,), {}) == 6


def test_equality_is_identity_whatever_graded_code_says(work: RemoteSubmission) -> None:
    """No `==` of graded code makes an assertion pass."""
    m = mean(work)
    assert m != 1
    assert m != mean(work)
    assert m == m  # noqa: PLR0124 - a stand-in equals itself
    assert len({m, mean(work)}) == 2


def test_what_a_call_does_besides_is_observed(work: RemoteSubmission) -> None:
    """A method can be called under observation, and in place."""
    m, x = mean(work), torch.ones(2)
    assert m.scale_.inplace(x)[0].tolist() == [2.0, 2.0]
    seen = m.update.observed(x, w=3.0)
    assert seen.result is m
    assert list(seen.keywords) == ["w"]
    assert m.compute.unchecked() == 3.0


def test_a_name_that_is_not_there_is_told_with_class_and_file(work: RemoteSubmission) -> None:
    """The learner reads what to define, whether it is read or called."""
    words = "`Mean` in `work.py` has no `median`: define it as the stub does"
    with pytest.raises(MissingName) as read:
        _ = mean(work).median
    with pytest.raises(MissingName) as called:
        work.call("Mean.median", (), {})
    assert [str(read.value), str(called.value)] == [words, words]


def test_a_property_that_raises_is_not_missing(work: RemoteSubmission) -> None:
    """Its own exception is what the learner reads."""
    with pytest.raises(StudentError, match="AttributeError: not fitted yet"):
        _ = mean(work).broken


@pytest.mark.parametrize("name", ["_hidden", "__array__", "__torch_function__"])
def test_private_names_stay_here(work: RemoteSubmission, name: str) -> None:
    """Python's and torch's own look-ups do not reach graded code."""
    m = mean(work)
    with pytest.raises(AttributeError):
        getattr(m, name)
    with pytest.raises(AttributeError):
        setattr(m, name, 1)


def test_iteration_goes_on_where_it_was(work: RemoteSubmission) -> None:
    """Several epochs draw from one generator, which stays in the worker with its object."""
    gen, twin = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    batches = work.call("Batches", (4, gen), {})
    epochs = [torch.cat(list(batches)) for _ in range(2)]
    for epoch in epochs:
        parts = [torch.randperm(4, generator=twin)[i : i + 2] for i in (0, 2)]
        assert torch.equal(epoch, torch.cat(parts))


def test_a_generator_that_is_kept_stays_one_on_both_sides(work: RemoteSubmission) -> None:
    """What the suite sets or draws reaches graded code, and what that draws comes back."""
    gen, twin = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    urn = work.call("Urn", (gen,), {})
    for _ in range(2):
        assert torch.equal(urn.draw(3), torch.rand(3, generator=twin))
        assert torch.equal(torch.rand(2, generator=gen), torch.rand(2, generator=twin))
    gen.manual_seed(9)
    assert torch.equal(urn.draw(3), torch.rand(3, generator=twin.manual_seed(9)))
    assert urn.draws_from(gen)
    assert torch.equal(gen.get_state(), twin.get_state())


def test_a_call_that_raised_has_drawn_nothing(work: RemoteSubmission) -> None:
    """A kept generator goes on where the grader's is."""
    gen = torch.Generator().manual_seed(3)
    urn, before = work.call("Urn", (gen,), {}), gen.get_state()
    with pytest.raises(StudentError):
        urn.draw(-1)
    assert torch.equal(gen.get_state(), before)
    assert torch.equal(urn.draw(2), torch.rand(2, generator=torch.Generator().manual_seed(3)))


def test_a_kept_generator_may_only_be_drawn_from(work: RemoteSubmission) -> None:
    """A state of graded code's own choice is refused."""
    gen = torch.Generator().manual_seed(3)
    urn = work.call("Urn", (gen,), {})
    with pytest.raises(WrongAnswer, match="leave its seed alone"):
        urn.reseed()


def test_a_generator_that_is_not_kept_is_forgotten(work: RemoteSubmission) -> None:
    """With the object that kept it, or with the suite's own, its state travels no more."""
    gens = [torch.Generator() for _ in range(3)]
    urns = [work.call("Urn", (gen,), {}) for gen in gens]
    assert len(work.objects.generators) == 3
    del urns[0], gens[1]
    gc.collect()
    work.call("same", (), {})
    assert len(work.objects.generators) == 1


def test_an_endless_iterator_is_usable(work: RemoteSubmission) -> None:
    """Items are fetched one by one, when they are asked for."""
    naturals = work.call("naturals", (), {})
    assert iter(naturals) is naturals
    assert list(islice(naturals, 3)) == [0, 1, 2]
    assert next(naturals) == 3


def test_items_alone_make_an_object_iterable(work: RemoteSubmission) -> None:
    """Python's older protocol works as well."""
    assert list(work.call("Squares", (), {})) == [0, 1, 4]


def test_an_exception_of_an_iterator_is_graded_code_s(work: RemoteSubmission) -> None:
    """It comes at the item that raised."""
    items = work.call("fails_late", (), {})
    assert next(items) == 1
    with pytest.raises(StudentError, match="ValueError: late"):
        next(items)
    with pytest.raises(StopIteration):
        next(items)


def test_the_items_of_an_iterator_are_bounded(
    work: RemoteSubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite that collects all items does not run out of memory."""
    monkeypatch.setattr(remote_access, "MAX_ITERATED", 8 << 20)
    with pytest.raises(WrongAnswer, match="hold more than 8 MiB together: yield fewer or smaller"):
        list(work.call("heavy", (1 << 20,), {}))


def test_a_block_is_entered_and_left(work: RemoteSubmission) -> None:
    """A `with` runs both methods, and gets what the first returns."""
    m = mean(work)
    with m as inner:
        assert inner is m
        assert m.open
    assert not m.open
    assert not m.failed


def test_an_exception_of_the_suite_passes_graded_code(work: RemoteSubmission) -> None:
    """Graded code hears that there was one, and cannot swallow it."""
    m = mean(work)
    with pytest.raises(AssertionError, match="of the suite"), m:
        raise AssertionError("of the suite")
    assert m.failed


def test_a_generator_may_be_a_context_manager(work: RemoteSubmission) -> None:
    """What contextlib makes of a function is entered and left too."""
    m = mean(work)
    with work.call("opened", (m,), {}) as three:
        assert (three, m.n) == (3, 1)
    assert m.n == 2
    with pytest.raises(KeyError), work.call("opened", (m,), {}):
        raise KeyError


def test_an_object_goes_when_its_stand_in_does(work: RemoteSubmission) -> None:
    """The worker's memory is freed with the next request."""
    m = mean(work)
    method = m.update
    assert work.call("alive", (), {}) == 1
    del m
    gc.collect()
    assert work.call("alive", (), {}) == 1  # the handle of a method keeps it
    del method
    gc.collect()
    assert work.call("alive", (), {}) == 0


def test_numbers_are_not_reused(work: RemoteSubmission) -> None:
    """A stand-in never comes to stand for another object."""
    first = work.objects.number_of(mean(work))
    gc.collect()
    assert work.objects.number_of(mean(work)) != first


def test_too_many_objects_do_not_cross(work: RemoteSubmission) -> None:
    """The learner reads the bound, and the worker goes on."""
    with pytest.raises(WrongAnswer, match=f"more than {MAX_OBJECTS} objects"):
        work.call("many", (MAX_OBJECTS + 1,), {})
    assert work.call("same", (1,), {}) == (1,)


def test_an_object_of_another_worker_is_refused(load: Load) -> None:
    """Its number would mean something else there."""
    with pytest.raises(UnsendableArgument, match="a value of type `GradedObject`"):
        load(WORK).call("same", (mean(load(WORK)),), {})


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_stand_in_cannot_be_copied(
    work: RemoteSubmission, duplicate: Callable[[Any], Any]
) -> None:
    """The sentence names the operation and the way round."""
    with pytest.raises(NotMirrored, match="do it in a function marked `@in_worker`"):
        duplicate(mean(work))


def test_a_driver_gets_the_objects_and_returns_plain_values(work: RemoteSubmission) -> None:
    """Beside graded code an argument is the object; in the result it cannot cross."""
    m = mean(work)
    source = "def f(work, m):\n    return isinstance(m, work.Mean), len(m.update(torch.ones(2)))\n"
    assert work.drive("f", source, (m,), {}) == (True, 2)
    assert m.count == 2
    with pytest.raises(WrongAnswer, match="the answer holds a value of type `Mean`"):
        work.drive("g", "def g(work, m):\n    return [m]\n", (m,), {})
