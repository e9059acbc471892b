"""A worker that was tampered with: whatever it answers, graded code is to blame."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hostile_peer import GREETING, Peer, answer, frame

from dlcourse.errors import DlcourseError
from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.faults import (
    Place,
    StudentCrash,
    StudentError,
    StudentFault,
    StudentProtocol,
    StudentTimeout,
    WrongAnswer,
)
from dlcourse.sandbox.process import WorkerProcess
from dlcourse.sandbox.record import Effects, Extent, Sight
from dlcourse.sandbox.remote import RemoteSubmission, Sources
from dlcourse.sandbox.server import Lines
from dlcourse.sandbox.watch import Budget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.sandbox.record import Record


def drawn() -> torch.Generator:
    """Return a generator that three numbers were drawn from."""
    generator = torch.Generator()
    torch.rand(3, generator=generator)
    return generator


STATE = drawn().get_state()
JUNK: list[Any] = ["x", -1, 1.5, [], {}, True, [[]], [None], "\ud800"]


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A worker in the test's hands."""
    with Peer() as peer:
        yield peer


def tampered(good: dict[str, Any], **wrong: list[Any]) -> list[tuple[str, Any]]:
    """Every field of an answer with every wrong value for it, and without it."""
    cases = [(field, value) for field, values in wrong.items() for value in values]
    assert {field for field, _ in cases} <= good.keys() | {"traceback"}
    return cases


def show(value: Any) -> str:
    """A short name for a case."""
    return ascii(value)[:40]


# Greeting.

LAYER = {"name": "seccomp", "active": True, "detail": "on"}


@pytest.mark.parametrize(
    "layers",
    [None, "x", 3, {}, [3], ["x"], [[]], [{}], [{**LAYER, "name": 3}], [{**LAYER, "active": 1}],
     [{**LAYER, "detail": None}], [{"name": "x", "active": True}], [LAYER] * 33],
    ids=show,
)  # fmt: skip
def test_a_malformed_greeting_is_refused(peer: Peer, layers: Any) -> None:
    """Layers of confinement that are no list of layers are no greeting."""
    peer.send(frame({**GREETING, "layers": layers}))
    with pytest.raises(StudentProtocol):
        RemoteSubmission(peer.process)


def test_a_greeting_names_the_layers(peer: Peer) -> None:
    """The greeting that the others change is a good one."""
    peer.send(frame({**GREETING, "layers": [LAYER]}))
    assert [layer.name for layer in RemoteSubmission(peer.process).layers] == ["seccomp"]


# Loading, and plain values.


@pytest.mark.parametrize(
    "names", [None, 3, [], "x", {"f": 3}, {"f": None}, {"f": ["function"]}, {"f": {}},
              {str(i): "int" for i in range(10_001)}], ids=show,
)  # fmt: skip
def test_malformed_names_are_refused(peer: Peer, names: Any) -> None:
    """What a submission defines is a bounded list of texts."""
    submission = peer.submission()
    peer.send(answer({"id": 1, "names": names}))
    with pytest.raises(StudentProtocol):
        submission.load(Sources("work", {"work": ""}), Budget(5.0), 1)


def test_names_are_cut_and_made_printable(peer: Peer) -> None:
    """A name of graded code can neither fill nor break a report."""
    submission = peer.submission()
    peer.send(answer({"id": 1, "names": {"f\ud800": "function", "x" * 999: "y" * 999}}))
    submission.load(Sources("work", {"work": ""}), Budget(5.0), 1)
    assert submission.names == {"f?": "function", "x" * 300: "y" * 300}


@pytest.mark.parametrize("value", [{"$": "pickle"}, {"$": "tensor", "i": 0}, {}], ids=show)
def test_a_malformed_value_is_refused(peer: Peer, value: Any) -> None:
    """A constant is decoded as carefully as any answer."""
    submission = peer.submission()
    peer.send(answer({"id": 1, "value": value}))
    with pytest.raises(StudentProtocol):
        submission.value("c")


# Calls: one float tensor out, one generator in.

OUT = {"$": "tensor", "i": 0}
CALL: dict[str, Any] = {
    "id": 1, "status": "answer", "value": OUT, "outputs": 1, "node": 1, "generators": [1],
    "after": [
        {"$": "tuple", "v": [OUT, {"$": "generator", "i": 1, "v": 0}]}, {"$": "dict", "v": []},
    ],
    "effects": {
        "mutated": [[0, "its values differ"]], "aliases": [[0, 0]], "changed": ["the grad mode"],
    },
    "usage": {
        "functions": [["torch.exp", 2, "work.py", 3]], "operations": [["aten::exp", 2, None, None]],
        "largest": [2, 8], "saved": 8, "flops": 0, "complete": True,
    },
    "shared": {"kept": [], "drawn": []},
    "tensors": [
        {"dtype": "float32", "shape": [2], "bytes": 8, "grad": True},
        {"dtype": "uint8", "shape": [len(STATE)], "bytes": len(STATE)},
    ],
}  # fmt: skip
PAYLOAD = bytes(8) + STATE.numpy().tobytes()


def arguments() -> tuple[torch.Tensor, torch.Generator]:
    """What the calls are made with."""
    return torch.zeros(2, requires_grad=True), torch.Generator()


def test_the_answer_that_the_others_change_is_good(peer: Peer) -> None:
    """Without the change, the next tests' answers would be taken."""
    submission = peer.submission()
    x, generator = arguments()
    peer.send(frame(CALL, PAYLOAD))
    seen = submission.observe("f", (x, generator), {})
    assert seen.result.requires_grad
    assert seen.mutated == ((0, "its values differ"),)
    assert seen.aliases == ((0, 0),)
    assert seen.changed == ("the grad mode",)
    assert torch.equal(generator.get_state(), STATE)


CALL_CASES = tampered(
    CALL,
    id=[0, 2, "1", None, 1.5, [], {}],
    status=["", "ok", None, 3, [], {}, True],
    value=[{}, {"$": "tensor", "i": 2}, {"$": "tensor"}, {"$": "no"}],
    outputs=[-1, 3, None, "1", True, 1.0, [], 1 << 70],
    node=[-1, "1", 1.5, True, [], {}, 1 << 63],
    generators=[
        None, {}, 3, [], [1, 1], [0], [-1], [2], [True], ["1"], [1.0], [None], [[]], [[0, 1]],
    ],
    tensors=[None, {}, [], [CALL["tensors"][0]], [{}, {}], CALL["tensors"][::-1] * 2],
)  # fmt: skip


@pytest.mark.parametrize(("field", "wrong"), CALL_CASES, ids=show)
def test_a_malformed_answer_to_a_call_is_refused(peer: Peer, field: str, wrong: Any) -> None:
    """Each field of a wrong type, range or count ends the worker as a protocol violation."""
    submission = peer.submission()
    peer.send(frame({**CALL, field: wrong}, PAYLOAD))
    with pytest.raises(StudentProtocol):
        submission.call("f", arguments(), {})
    assert not submission.process.alive


NO_LIST: list[Any] = [None, *(junk for junk in JUNK if junk != [])]
WRONG_KEYS: list[Any] = [2, -1, True, 0.0, None, "k", [], {}]
WRONG_MUTATED: list[Any] = [
    *NO_LIST, [0], [[0]], [[0, 3]], [[0, "nonsense"]], [[0, []]], [[0, "its values differ", 0]],
    [[0, "its values differ"]] * 3, *([[key, "its values differ"]] for key in WRONG_KEYS),
]  # fmt: skip
WRONG_ALIASES: list[Any] = [
    *NO_LIST, [0], [[0]], [[0, 0, 0]], [[1, 0]], [[-1, 0]], [[False, 0]], [["0", 0]],
    [[0, 0]] * 3, [[1 << 70, 0]], *([[0, key]] for key in WRONG_KEYS),
]  # fmt: skip
WRONG_CHANGED: list[Any] = ["x", None, 3, {}, [3], [None], [[]], ["x"] * 33]

OBSERVE_CASES = tampered(
    CALL,
    after=[
        *JUNK, None, [CALL["after"][0]], [CALL["after"][1], CALL["after"][0]],
        [{"$": "tuple", "v": []}, {"$": "dict", "v": []}],
        [{"$": "tuple", "v": [OUT, None, None]}, {"$": "dict", "v": []}],
        [CALL["after"][0], {"$": "dict", "v": [["k", 1]]}],
    ],
    effects=[
        *JUNK, None,
        *({**CALL["effects"], "mutated": bad} for bad in WRONG_MUTATED),
        *({**CALL["effects"], "aliases": bad} for bad in WRONG_ALIASES),
        *({**CALL["effects"], "changed": bad} for bad in WRONG_CHANGED),
    ],
)  # fmt: skip


@pytest.mark.parametrize(("field", "wrong"), OBSERVE_CASES, ids=show)
def test_a_malformed_observation_is_refused(peer: Peer, field: str, wrong: Any) -> None:
    """What was observed has the structure of the call, or ends the worker."""
    submission = peer.submission()
    peer.send(frame({**CALL, field: wrong}, PAYLOAD))
    with pytest.raises(StudentProtocol):
        submission.observe("f", arguments(), {})


# What was watched.

WRONG_COUNTS: list[Any] = [*JUNK, None, False, 1 << 63, "1"]
WRONG_FILES: list[Any] = [3, [], {}, "", "/etc/passwd", "a/b.py", "x" * 201]
WRONG_LINES: list[Any] = [None, "3", -1, 1 << 31, 1.5, True, []]
WRONG_NAMES: list[Any] = [
    *NO_LIST, ["torch.exp"], [["torch.exp", 1, None]], [["torch.exp", 1, None, None, None]],
    [[3, 1, None, None]], [[None, 1, None, None]],
    [[f"torch.f{place}", 1, None, None] for place in range(1001)],
    *([["torch.exp", count, None, None]] for count in WRONG_COUNTS),
    *([["torch.exp", 1, file, 1]] for file in WRONG_FILES),
    *([["torch.exp", 1, "work.py", line]] for line in WRONG_LINES),
]  # fmt: skip
USAGE_CASES = tampered(
    CALL["usage"],
    functions=WRONG_NAMES,
    operations=WRONG_NAMES,
    largest=[*JUNK, None, [1], [1, 2, 3], *([count, 1] for count in WRONG_COUNTS)],
    saved=WRONG_COUNTS,
    flops=WRONG_COUNTS,
    complete=["x", 1, 0, None, [], {}],
)


def watch(submission: RemoteSubmission) -> list[Record]:
    """Call a function under watch and return what was heard of it."""
    heard: list[Record] = []
    with submission.watched(heard.append):
        submission.call("f", arguments(), {})
    return heard


def test_the_record_that_the_others_change_is_good(peer: Peer) -> None:
    """What a worker tells of a watched call reaches whoever watches."""
    submission = peer.submission()
    peer.send(frame(CALL, PAYLOAD))
    (record,) = watch(submission)
    assert record.effects == Effects(((0, "its values differ"),), ((0, 0),), ("the grad mode",))
    assert record.usage.functions == {"torch.exp": Sight(2, Place("work.py", 3))}
    assert record.usage.operations == {"aten::exp": Sight(2)}
    assert (record.usage.largest, record.usage.saved_bytes) == (Extent(2, 8), 8)


@pytest.mark.parametrize(("field", "wrong"), USAGE_CASES, ids=show)
def test_a_malformed_record_is_refused(peer: Peer, field: str, wrong: Any) -> None:
    """Names are bounded texts, counts are 63-bit numbers, lines are lines, or the worker ends."""
    submission = peer.submission()
    peer.send(frame({**CALL, "usage": {**CALL["usage"], field: wrong}}, PAYLOAD))
    with pytest.raises(StudentProtocol):
        watch(submission)
    assert not submission.process.alive


@pytest.mark.parametrize("wrong", [*JUNK, CALL["usage"]], ids=show)
def test_a_record_that_is_none_is_refused(peer: Peer, wrong: Any) -> None:
    """A usage of another kind, and one without effects, ends the worker."""
    submission = peer.submission()
    peer.send(frame({**CALL, "usage": wrong, "effects": None}, PAYLOAD))
    with pytest.raises(StudentProtocol):
        watch(submission)


def test_a_record_of_an_exception_is_read_as_carefully(peer: Peer) -> None:
    """A malformed record beside an exception is no way around the check."""
    submission = peer.submission()
    peer.send(frame({**RAISED, "effects": CALL["effects"], "usage": {"functions": []}}))
    with pytest.raises(StudentProtocol):
        watch(submission)


def test_names_of_a_record_are_cut_and_made_printable(peer: Peer) -> None:
    """A name that graded code chose can neither fill nor break a report."""
    submission = peer.submission()
    rows = [["x" * 999, 1, None, None], ["\ud800", 1, None, None]]
    peer.send(frame({**CALL, "usage": {**CALL["usage"], "functions": rows}}, PAYLOAD))
    (record,) = watch(submission)
    assert list(record.usage.functions) == ["x" * 200, "?"]


def test_a_worker_that_tells_nothing_of_a_watched_call_is_not_heard(peer: Peer) -> None:
    """What was seen is a claim: leaving it out is no more than claiming that nothing was seen."""
    submission = peer.submission()
    peer.send(frame({**CALL, "usage": None}, PAYLOAD))
    assert watch(submission) == []


# Gradients.

GRADIENT: dict[str, Any] = {
    "id": 2, "status": "answer", "value": [OUT], "outputs": 1, "node": None,
    "tensors": [{"dtype": "float32", "shape": [2], "bytes": 8}],
}  # fmt: skip


def output(peer: Peer) -> torch.Tensor:
    """What a call returned, with a graph in the worker."""
    submission = peer.submission()
    peer.send(frame(CALL, PAYLOAD))
    result: torch.Tensor = submission.call("f", arguments(), {})
    return result


def test_the_gradient_that_the_others_change_is_good(peer: Peer) -> None:
    """Without the change, the next test's answers would be taken."""
    result = output(peer)
    peer.send(frame(GRADIENT, bytes(8)))
    result.sum().backward()  # type: ignore[no-untyped-call] # torch's


GRADIENT_CASES = tampered(
    GRADIENT,
    id=[1, 3, None],
    status=["no", None],
    value=[None, 3, "x", [], [OUT, OUT], [1.0], [[OUT]], {"$": "tuple", "v": [OUT]},
           [{"$": "tensor", "i": 1}], [{"$": "ndarray", "i": 0}]],
    outputs=[0, 2, None, -1, "1"],
    node=["x", -1, True],
    tensors=[
        [{"dtype": "float32", "shape": [1, 2], "bytes": 8}],
        [{"dtype": "float32", "shape": [1], "stride": [2], "bytes": 4}],
        [{"dtype": "float64", "shape": [1], "bytes": 8}],
        [{"dtype": "int32", "shape": [2], "bytes": 8}],
        [{"dtype": "complex64", "shape": [1], "bytes": 8}],
        [{"dtype": "float32", "shape": [2], "stride": [1 << 40], "bytes": 8}],
    ],
)  # fmt: skip


@pytest.mark.parametrize(("field", "wrong"), GRADIENT_CASES, ids=show)
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_malformed_gradient_is_refused(
    peer: Peer, field: str, wrong: Any, *, create_graph: bool
) -> None:
    """A gradient that does not fit its input never reaches torch's engine."""
    result = output(peer)
    peer.send(frame({**GRADIENT, field: wrong}, bytes(8)))
    with pytest.raises(StudentProtocol):
        result.sum().backward(create_graph=create_graph)  # type: ignore[no-untyped-call] # same


# Exceptions and values that cannot cross.

RAISED: dict[str, Any] = {
    "id": 1, "status": "raised", "type": "KeyError", "ancestry": ["KeyError", "LookupError"],
    "message": "no", "traceback": "", "file": "work.py", "line": 3, "tensors": [],
}  # fmt: skip


def test_the_exception_that_the_others_change_is_good(peer: Peer) -> None:
    """The exception arrives as its builtin type, with its place."""
    submission = peer.submission()
    peer.send(frame(RAISED))
    with pytest.raises(KeyError) as raised:
        submission.call("f", (), {})
    assert isinstance(raised.value, StudentError)
    assert (raised.value.place and raised.value.place.line) == 3


RAISED_CASES = tampered(
    RAISED,
    type=[None, 3, [], {}],
    ancestry=[None, "KeyError", 3, {}, [3], [None], [["KeyError"]]],
    message=[None, 3, [], {}],
    traceback=[None, 3, [], {}],
    file=[3, [], {}, "", "/etc/passwd", "a/b.py", "<string>", "x" * 201, "a\nb.py", "\x1b[2J"],
    line=[None, "3", -1, 1 << 31, 1.5, True, []],
)


@pytest.mark.parametrize(("field", "wrong"), RAISED_CASES, ids=show)
def test_a_malformed_exception_is_refused(peer: Peer, field: str, wrong: Any) -> None:
    """An exception's fields are texts and numbers within bounds, or it is none."""
    submission = peer.submission()
    peer.send(frame({**RAISED, field: wrong}))
    with pytest.raises(StudentProtocol):
        submission.call("f", (), {})


def test_an_exception_is_cut(peer: Peer) -> None:
    """Megabytes of message, traceback, name and ancestry stay within a report's bounds."""
    submission = peer.submission()
    long = "x\ud800" * 8_001
    sent = {**RAISED, "type": long, "message": long, "traceback": long, "ancestry": ["x"] * 999}
    peer.send(frame(sent))
    with pytest.raises(StudentError) as raised:
        submission.call("f", (), {})
    error = raised.value
    assert (len(error.type_name), len(error.message), len(error.traceback)) == (200, 4000, 16_000)
    assert str(error).isprintable()


@pytest.mark.parametrize("ancestry", [["SystemExit"], ["Skipped"], ["KeyboardInterrupt"]])
def test_no_exception_of_the_framework_can_be_forged(peer: Peer, ancestry: list[str]) -> None:
    """A worker cannot make the grader skip, exit or stop."""
    submission = peer.submission()
    peer.send(frame({**RAISED, "ancestry": ancestry}))
    with pytest.raises(StudentError) as raised:
        submission.call("f", (), {})
    assert type(raised.value) is StudentError


def test_an_unsendable_answer_says_what_to_return(peer: Peer) -> None:
    """The kind of value that cannot cross is named, cut to a bound."""
    submission = peer.submission()
    peer.send(frame({"id": 1, "status": "unsendable", "kind": "a Bomb" + "!" * 999, "tensors": []}))
    with pytest.raises(WrongAnswer, match=r"holds a Bomb!+: return tensors") as wrong:
        submission.call("f", (), {})
    assert len(str(wrong.value)) < 400
    assert submission.process.alive


@pytest.mark.parametrize("kind", [None, 3, [], {}])
def test_an_unsendable_answer_without_a_kind_is_refused(peer: Peer, kind: Any) -> None:
    """The kind is a text."""
    submission = peer.submission()
    peer.send(frame({"id": 1, "status": "unsendable", "kind": kind, "tensors": []}))
    with pytest.raises(StudentProtocol):
        submission.call("f", (), {})


# Lines.


def test_a_worker_that_answers_in_drops_meets_the_deadline(peer: Peer) -> None:
    """The deadline covers the whole exchange: half an answer buys no time."""
    submission = peer.submission()
    peer.send(frame(CALL, PAYLOAD)[:-1])
    peer.process.begin(Budget(0.05))
    with pytest.raises(StudentTimeout, match=r"gave no answer within 0.25 s"):
        submission.call("f", arguments(), {})


def test_a_worker_that_reads_nothing_meets_the_deadline(peer: Peer) -> None:
    """A request that cannot be sent ends like an answer that does not come."""
    submission = peer.submission()
    peer.process.begin(Budget(0.05))
    with pytest.raises(StudentTimeout):
        submission.call("f", (torch.zeros(8 << 20),), {})


def test_a_second_answer_is_out_of_order(peer: Peer) -> None:
    """An answer that nobody asked for is no answer to the next request."""
    submission = peer.submission()
    peer.send(frame(CALL, PAYLOAD) * 2)
    submission.call("f", arguments(), {})
    with pytest.raises(StudentProtocol, match="out of order"):
        submission.call("f", arguments(), {})


def test_after_its_end_a_worker_is_asked_no_more(peer: Peer) -> None:
    """The next request tells why the worker is gone."""
    submission = peer.submission()
    peer.send(b"junk" * 99)
    with pytest.raises(StudentProtocol):
        submission.call("f", (), {})
    with pytest.raises(StudentCrash, match="the worker is gone: the worker sent a malformed"):
        submission.call("f", (), {})


def test_a_worker_that_hangs_up_but_lives_is_told_and_ended(peer: Peer) -> None:
    """Closing the line does not buy a life without a clock."""
    submission = peer.submission()
    peer.sock.close()
    with pytest.raises(StudentCrash, match="closed its line to the grader"):
        submission.call("f", (), {})


@pytest.mark.parametrize("number", [*range(1, 32), 34, 40, 63, 64])
def test_every_signal_that_ends_a_worker_has_words(peer: Peer, number: int) -> None:
    """Also those that Python has no name for."""
    submission = peer.submission()
    peer.tell_exit(number)
    peer.end()
    with pytest.raises(StudentCrash, match=r"the process (ended by|crashed:|was killed)"):
        submission.call("f", (), {})


def test_a_worker_at_the_end_of_its_whole_cpu_time_is_told_so(peer: Peer) -> None:
    """The kernel's limit on a worker's life is a timeout, not a crash."""
    submission = peer.submission()
    peer.tell_exit(cpu=Limits().cpu_seconds)
    peer.end()
    with pytest.raises(StudentTimeout, match=r"ran out of CPU time \(30 s in all\)"):
        submission.call("f", (), {})
    assert submission.process.cpu_spent == pytest.approx(30, abs=1)


def test_a_fork_server_that_is_gone_is_not_the_learners_fault(peer: Peer) -> None:
    """Where nobody tells how the worker ended, the grader is broken and says what to do."""
    submission = peer.submission()
    peer.status.close()
    peer.end()
    with pytest.raises(DlcourseError, match="run the same command again"):
        submission.call("f", (), {})
    with pytest.raises(StudentFault):
        submission.call("f", (), {})


def test_a_fork_server_that_starts_nothing_is_told() -> None:
    """A status line that closes without a worker gives a sentence and leaves nothing open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    sock, far_sock = socket.socketpair()
    status, far_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    output, far_output = os.pipe()
    trace, far_trace = os.pipe()
    far_status.close()
    with pytest.raises(DlcourseError, match="run the same command again"):
        WorkerProcess(Lines(sock, output, trace, status, Limits()))
    far_sock.close()
    os.close(far_output)
    os.close(far_trace)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_is_written_to_the_trace_pipe_names_no_foreign_file(peer: Peer) -> None:
    """The place of a crash is a line of the submission or none."""
    submission = peer.submission()
    os.write(peer.trace, b'Current thread 0x1:\n  File "/etc/passwd", line 1 in f\n')
    peer.tell_exit(11)
    peer.end()
    with pytest.raises(StudentCrash) as crash:
        submission.call("f", (), {})
    assert crash.value.place is None
