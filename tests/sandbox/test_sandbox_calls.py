"""Calls of graded code in a real worker: values, generators, exceptions, what was left behind."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.faults import StudentError, StudentFault, WrongAnswer
from dlcourse.sandbox.remote import RemoteSubmission, Sources
from dlcourse.sandbox.unsendable import UnsendableArgument
from dlcourse.sandbox.watch import Budget

if TYPE_CHECKING:
    from conftest import Load
    from dlcourse.sandbox.server import ForkServer

WORK = dedent("""\
    import builtins
    import random
    import sys

    import numpy as np
    import torch

    RATE = 0.25
    TABLE = {"a": (1, torch.ones(2))}

    class Own(LookupError):
        pass

    class Evil(type):
        @property
        def __mro__(cls):
            raise RuntimeError("no bases")

    class Unprintable(Exception):
        def __str__(self):
            raise SystemExit("not printed")

    class Namespace:
        @staticmethod
        def twice(x):
            return 2 * x

    def same(*args, **kwargs):
        return args, kwargs

    def identity(x):
        return x

    def is_same(x, y):
        return x is y

    def draw(gen):
        return torch.rand(3, generator=gen)

    def reseeds(gen):
        gen.manual_seed(4)

    def draw_globally():
        return torch.rand(2), random.random(), np.random.rand()

    def double_(x, items):
        x.mul_(2)
        items.append("new")

    def touch(x):
        torch.set_default_dtype(torch.float64)
        np.random.rand()
        return x[:1]

    def say(text):
        print(text, end="")
        print("and more", file=sys.stderr)

    def raise_own():
        raise Own("nothing there")

    def raise_it(name, text="why"):
        raise {**vars(builtins), "unprintable": Unprintable}[name](text)

    def raise_long():
        raise ValueError("x" * 10_000_000)

    def raise_evil():
        raise Evil("Odd", (Exception,), {})("odd")

    def recurse(n):
        return recurse(n + 1)

    def helper_line(n):
        return [
            1 / n,
        ]

    def deep():
        value = []
        for _ in range(100_000):
            value = [value]
        return value

    def unsendable(kind):
        return {"function": identity, "optimizer": torch.optim.SGD([torch.ones(1)]), "sparse":
                torch.eye(2).to_sparse(), "object": object()}[kind]

    def liar():
        class Liar:
            @property
            def __class__(self):
                return torch.Tensor
            def __eq__(self, other):
                return True
        return Liar()

    def large(n):
        return [torch.zeros(n, dtype=torch.uint8) for _ in range(3)]

    def wide(n):
        return torch.zeros(1).expand(n)

    def scramble():
        torch.set_default_device("meta")
        torch.set_default_dtype(torch.float16)
        torch.set_grad_enabled(False)
""")


@pytest.fixture
def work(load: Load) -> RemoteSubmission:
    """The source above, loaded."""
    return load(WORK)


def test_names_say_what_they_stand_for(work: RemoteSubmission) -> None:
    """The grader learns which names there are and of what kind, without their values."""
    assert work.names["identity"] == "function"
    assert work.names["Own"] == "class"
    assert work.names["RATE"] == "float"


def test_the_first_frame_names_the_layers(work: RemoteSubmission) -> None:
    """A worker says which layers confine it before it has loaded anything."""
    assert {"limits", "seccomp"} <= {layer.name for layer in work.layers}


def test_a_constant_can_be_read(work: RemoteSubmission) -> None:
    """A plain value of the submission is one request away."""
    assert work.value("RATE") == 0.25
    assert work.value("TABLE")["a"][1].tolist() == [1.0, 1.0]


def test_arguments_and_results_survive(work: RemoteSubmission) -> None:
    """Positional and keyword arguments of every kind come back as they went."""
    sent = (1, [2.5, None], {"k": (True, "x")}, torch.arange(3), np.float64(0.5))
    args, kwargs = work.call("same", sent, {"option": torch.float16})
    assert args[:3] == sent[:3]
    assert torch.equal(args[3], sent[3])
    assert kwargs == {"option": torch.float16}


def test_one_tensor_passed_twice_is_one_tensor(work: RemoteSubmission) -> None:
    """Graded code sees the identity of its arguments, and the grader that of its results."""
    x = torch.ones(2)
    assert work.call("is_same", (x, x), {}) is True
    assert work.call("is_same", (x, x.clone()), {}) is False
    (first, second), _ = work.call("same", (x, x), {})
    assert first is second


def test_a_dotted_name_is_called(work: RemoteSubmission) -> None:
    """What stands below a class of the submission can be called as well."""
    assert work.call("Namespace.twice", (3,), {}) == 6


def test_a_generator_comes_back_advanced(work: RemoteSubmission) -> None:
    """A draw there moves the generator here, exactly as a local draw would."""
    here, there = torch.Generator().manual_seed(7), torch.Generator().manual_seed(7)
    for _ in range(2):
        drawn = work.call("draw", (), {"gen": there})
        assert torch.equal(drawn, torch.rand(3, generator=here))
    assert torch.equal(here.get_state(), there.get_state())


def test_a_generator_that_was_seeded_anew_is_told(work: RemoteSubmission) -> None:
    """Graded code draws from what it is given; a seed of its own would choose later inputs."""
    with pytest.raises(WrongAnswer, match="draw from the generator that you are given"):
        work.call("reseeds", (torch.Generator().manual_seed(3),), {})


def test_two_generators_each_come_back_in_their_own_state(work: RemoteSubmission) -> None:
    """Generators are told apart, and one that nobody drew from stays as it was."""
    used, unused = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    before = unused.get_state()
    work.call("same", (unused, used, used), {})
    work.call("draw", (used,), {})
    assert torch.equal(unused.get_state(), before)
    assert not torch.equal(used.get_state(), torch.Generator().manual_seed(1).get_state())


def test_one_seed_gives_one_result(work: RemoteSubmission) -> None:
    """The seed of a test sets every global generator of the worker, once."""
    results = []
    for seed in (5, 5, 2**63 + 5):
        work.process.begin(Budget(5.0), seed)
        results.append([work.call("draw_globally", (), {}) for _ in range(2)])
    assert repr(results[0]) == repr(results[1])
    assert repr(results[0]) != repr(results[2])
    assert repr(results[0][0]) != repr(results[0][1])


def test_output_belongs_to_the_call_that_printed_it(work: RemoteSubmission) -> None:
    """Text without a newline and on both streams is there, in order, when the call returns."""
    for text in ("one ", "zwölf "):
        work.call("say", (text,), {})
        assert work.process.take_output() == f"{text}and more\n"


def test_what_a_call_left_behind_is_reported(work: RemoteSubmission) -> None:
    """Arguments edited in place are seen as they are afterwards."""
    seen = work.observe("double_", (torch.ones(2), [1]), {})
    assert seen.result is None
    assert seen.arguments[0].tolist() == [2.0, 2.0]
    assert seen.arguments[1] == [1, "new"]


def test_global_state_and_shared_memory_are_reported(work: RemoteSubmission) -> None:
    """A changed default, a drawn global number and a view of the input are named."""
    seen = work.observe("touch", (torch.ones(2),), {})
    assert seen.changed == ("the default dtype", "NumPy's global random state")
    assert seen.aliases == ((0, 0),)
    assert work.observe("identity", (1,), {}).changed == ()


@pytest.mark.parametrize(
    "x",
    [
        torch.ones(2, 3).T.requires_grad_(),
        torch.ones(2, 3)[:, ::2].requires_grad_(),
        (torch.ones(2, 3, requires_grad=True) * 2)[:, ::2],
        torch.ones(1, 4).T,
        torch.ones(2, dtype=torch.float16).expand(3, 2),
    ],
)
def test_an_untouched_argument_is_reported_untouched(
    work: RemoteSubmission, x: torch.Tensor
) -> None:
    """Layout and requires_grad of an argument survive the way there and back."""
    (after,) = work.observe("same", (x,), {}).arguments
    assert (after.stride(), after.requires_grad) == (x.stride(), x.requires_grad)
    assert torch.equal(after, x)


def test_an_exception_has_type_message_and_place(work: RemoteSubmission) -> None:
    """What graded code raised arrives as the nearest builtin, at the innermost own line."""
    with pytest.raises(ZeroDivisionError) as raised:
        work.call("helper_line", (0,), {})
    error = raised.value
    assert isinstance(error, StudentError)
    assert str(error) == "ZeroDivisionError: division by zero"
    assert error.place is not None
    assert WORK.splitlines()[error.place.line - 1].strip() == "1 / n,"
    assert 'File "work.py"' in error.traceback
    assert "/" not in error.traceback.replace("1 / n", "")


def test_a_type_of_the_learner_keeps_its_name(work: RemoteSubmission) -> None:
    """An exception class of graded code is shown by its own name."""
    with pytest.raises(LookupError, match="Own: nothing there"):
        work.call("raise_own", (), {})


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_an_exit_of_graded_code_is_its_error(work: RemoteSubmission, name: str) -> None:
    """Graded code can neither end the grader nor its own worker by raising."""
    with pytest.raises(StudentError) as raised:
        work.call("raise_it", (name,), {})
    assert type(raised.value) is StudentError
    assert work.call("identity", (1,), {}) == 1


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        ("raise_it", ("unprintable",), "could not be read: SystemExit"),
        ("raise_long", (), "ValueError: xxx"),
        ("raise_evil", (), "Odd|no bases"),
        ("recurse", (0,), "RecursionError: maximum recursion depth"),
    ],
)
def test_an_odd_exception_is_told_within_bounds(
    work: RemoteSubmission, function: str, arguments: tuple[Any, ...], says: str
) -> None:
    """Exceptions that cannot be printed, are endless or lie about themselves stay exceptions."""
    with pytest.raises(StudentError, match=says) as raised:
        work.call(function, arguments, {})
    assert len(str(raised.value)) < 5000
    assert work.call("identity", (1,), {}) == 1


def test_wrong_arguments_point_at_the_definition(work: RemoteSubmission) -> None:
    """A call that does not fit the signature is placed where the function begins."""
    with pytest.raises(TypeError) as raised:
        work.call("identity", (1, 2), {})
    assert isinstance(raised.value, StudentError)
    assert raised.value.place is not None
    assert WORK.splitlines()[raised.value.place.line - 1] == "def identity(x):"


def test_an_object_that_lies_about_itself_equals_nothing(work: RemoteSubmission) -> None:
    """An object arrives as a stand-in: neither its class nor its `==` is believed."""
    liar = work.call("liar", (), {})
    assert not isinstance(liar, torch.Tensor)
    assert liar != 1
    assert liar == liar  # noqa: PLR0124 - it equals itself alone
    assert repr(liar) == "<graded Liar>"


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        ("unsendable", ("function",), "a value of type `function`"),
        ("unsendable", ("optimizer",), "a value of type `SGD`"),
        ("unsendable", ("sparse",), "a sparse_coo tensor"),
        ("unsendable", ("object",), "a value of type `object`"),
        ("deep", (), "a value nested too deeply"),
        ("large", (100 << 20,), "values that are too large together"),
    ],
)
def test_an_answer_that_cannot_cross_is_wrong_and_costs_no_more(
    work: RemoteSubmission, function: str, arguments: tuple[Any, ...], says: str
) -> None:
    """The kind of the value is named, and the worker goes on."""
    with pytest.raises(WrongAnswer) as wrong:
        work.call(function, arguments, {})
    assert says in str(wrong.value)
    assert work.call("identity", (1,), {}) == 1


def test_an_expanded_answer_of_terabytes_is_refused(work: RemoteSubmission) -> None:
    """A stride of zero cannot make the grader hold more than the wire allows."""
    with pytest.raises(StudentFault):
        work.call("wide", (1 << 40,), {})


def test_graded_code_that_scrambles_torch_can_still_be_asked(work: RemoteSubmission) -> None:
    """Defaults that graded code changed do not reach what sends and receives tensors."""
    work.call("scramble", (), {})
    x = torch.ones(2, requires_grad=True)
    result = work.call("Namespace.twice", (x,), {})
    assert result.tolist() == [2.0, 2.0]
    assert result.requires_grad


@pytest.mark.parametrize("argument", [object(), len, torch.eye(2).to_sparse(), {"k": object()}])
def test_an_argument_that_cannot_cross_is_the_suites_fault(
    work: RemoteSubmission, argument: Any
) -> None:
    """The suite's author is told what to do instead, and no learner is blamed."""
    with pytest.raises(UnsendableArgument, match="or run the call in an `@in_worker` function"):
        work.call("identity", (argument,), {})
    assert work.call("identity", (1,), {}) == 1


def test_arguments_that_are_too_large_are_the_suites_fault(work: RemoteSubmission) -> None:
    """A request beyond the wire's limits is never begun, and loses neither seed nor worker."""
    work.process.begin(Budget(10.0), 5)
    with pytest.raises(UnsendableArgument, match="too large together"):
        work.call("identity", (["x" * 20] * 60_000,), {})
    drawn = work.call("draw_globally", (), {})
    work.process.begin(Budget(10.0), 5)
    assert repr(work.call("draw_globally", (), {})) == repr(drawn)


def test_a_function_of_the_suite_runs_beside_graded_code(work: RemoteSubmission) -> None:
    """A driver gets the submission as its first argument and returns plain values."""
    source = "def both(work, x: Unknown) -> Unknown:\n    return work.identity(x), math.pi\n"
    assert work.drive("both", source, (2,), {})[0] == 2


def test_a_submission_may_be_named_like_a_library(server: ForkServer) -> None:
    """A file's own name wins over a library that is loaded already, and files import each other."""
    submission = RemoteSubmission.start(server, Limits())
    try:
        files = {"random": "from helper import x\n", "helper": "x = 'mine'\n"}
        submission.load(Sources("random", files), Budget(5.0), 1)
        assert submission.value("x") == "mine"
    finally:
        submission.process.close()


@pytest.mark.parametrize(
    ("source", "kind", "line"),
    [
        ("x = 1\ndef f(:\n", SyntaxError, 2),
        ("x = 1\n\n1 / 0\n", ZeroDivisionError, 3),
        ("\x0c\nx = 1\nraise ValueError('late')\n", ValueError, 3),
        ("import no_such_module\n", ImportError, 1),
        ("raise SystemExit(0)\n", StudentError, 1),
    ],
)
def test_an_import_that_fails_is_placed(
    load: Load, source: str, kind: type[Exception], line: int
) -> None:
    """Whatever stops the import is the learner's, with its line."""
    with pytest.raises(kind) as raised:
        load(source)
    assert isinstance(raised.value, StudentError)
    assert raised.value.place is not None
    assert (raised.value.place.file, raised.value.place.line) == ("work.py", line)


def test_odd_names_of_a_module_do_no_harm(load: Load) -> None:
    """Keys of a module's dict that are no names are left out."""
    assert load("globals()[3] = globals()[(1,)] = 1\nx = 1\n").names["x"] == "int"


def test_sources_beyond_the_wires_limits_are_told(load: Load) -> None:
    """Files that are too large together give a sentence and never leave the grader."""
    with pytest.raises(StudentFault, match="hand in source code only"):
        load("#" * (2 << 20))
