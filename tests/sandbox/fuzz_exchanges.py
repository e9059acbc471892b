"""One honest exchange of every kind, for the fuzzer to damage: what is asked, and the answers."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from hostile_peer import GREETING, Peer, frame

from dlcourse.sandbox.faults import StudentFault
from dlcourse.sandbox.remote import RemoteSubmission, Sources
from dlcourse.sandbox.values import Encoder
from dlcourse.sandbox.watch import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dlcourse.sandbox.record import Record

Answer = tuple[dict[str, Any], bytes]


@dataclass(frozen=True)
class Exchange:
    """What the grader asks a worker, and what an honest worker answers; the last is damaged."""

    name: str
    ask: Callable[[Peer], object]
    answers: Sequence[Answer]

    @property
    def header(self) -> dict[str, Any]:
        """The header of the last answer."""
        return self.answers[-1][0]

    @property
    def payload(self) -> bytes:
        """The tensors' bytes of the last answer."""
        return self.answers[-1][1]

    def outcome(self, pidfd: int, data: bytes) -> str:
        """What the grader makes of `data` in place of the last answer: `taken`, or a fault's name.

        Raises whatever it makes besides. `pidfd` is a process that has ended, as the worker has.
        """
        with Peer(pidfd) as peer:
            peer.tell_exit()
            for header, payload in self.answers[:-1]:
                peer.send(frame(header, payload))
            peer.send(data)
            peer.hang_up()
            try:
                self.ask(peer)
            except StudentFault as fault:
                return type(fault).__name__
            # It goes on: what was sent too much is told from the next answer.
            with contextlib.suppress(StudentFault):
                peer.process.request({"kind": "value", "target": "next"})
        return "taken"


def exchanges() -> tuple[Exchange, ...]:
    """Every kind there is."""
    return (
        _greeting(),
        _load(),
        _value(),
        _call(),
        _raised(),
        _observed(),
        _watched(),
        _gradient(),
        _missing(),
        _object(),
        _description(),
        _mirrored(),
    )


def _answer(encoder: Encoder, number: int = 1, **fields: Any) -> Answer:
    header = {"id": number, "status": "answer", **fields, "tensors": encoder.descriptions}
    return header, b"".join(encoder.buffers)


def _greeted(ask: Callable[[RemoteSubmission], object]) -> Callable[[Peer], object]:
    return lambda peer: ask(RemoteSubmission(peer.process))


GREETED: Answer = (GREETING, b"")


def _greeting() -> Exchange:
    layers = [
        {"name": "landlock", "active": True, "detail": "ABI 7"},
        {"name": "seccomp", "active": False, "detail": "not here"},
    ]
    return Exchange("greeting", _greeted(bool), [({**GREETING, "layers": layers}, b"")])


def _load() -> Exchange:
    answer = _answer(Encoder(), names={"f": "function", "Net": "class", "K": "int"})
    sources = Sources("work", {"work": "pass"})
    ask = _greeted(lambda submission: submission.load(sources, Budget(5.0), 1))
    return Exchange("load", ask, [GREETED, answer])


def _everything(encoder: Encoder) -> Any:
    """A value that has a bit of everything."""
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    parts = [x, x.T, {"a": (1, 2.5, float("nan")), 7: {1, "b"}}, 1j, b"z", torch.Size([2]), x[1:]]
    kinds = [torch.float16, torch.device("cpu"), slice(1, None), frozenset({2}), 1 << 70, None]
    return encoder.encode([*parts, *kinds, x.detach().numpy(), torch.zeros(0, 3)])


def _value() -> Exchange:
    encoder = Encoder()
    answer = _answer(encoder, value=_everything(encoder))
    return Exchange("value", _greeted(lambda it: it.value("K")), [GREETED, answer])


def _arguments() -> tuple[torch.Tensor, torch.Generator]:
    return torch.zeros(2, 3, requires_grad=True), torch.Generator()


def _answered(encoder: Encoder, **fields: Any) -> dict[str, Any]:
    """What every answer to a call with a generator holds; encoded last."""
    outputs = len(encoder.tensors)
    state = encoder.tensor(torch.Generator().get_state())
    shared = {"kept": [1], "drawn": []}
    return {**fields, "outputs": outputs, "node": 1, "generators": [state], "shared": shared}


def _call() -> Exchange:
    encoder = Encoder()
    value = _everything(encoder)
    answer = _answer(encoder, **_answered(encoder, value=value))
    ask = _greeted(lambda submission: submission.call("f", _arguments(), {"k": None}))
    return Exchange("call", ask, [GREETED, answer])


def _raised() -> Exchange:
    fields = {
        "status": "raised",
        "type": "ShapeError",
        "ancestry": ["ValueError", "Exception", "BaseException", "object"],
        "message": "wrong",
        "traceback": '  File "work.py", line 2, in f\n',
        "file": "work.py",
        "line": 2,
    }
    answer = ({"id": 1, **fields, "tensors": []}, b"")
    ask = _greeted(lambda submission: submission.call("f", _arguments(), {}))
    return Exchange("raised", ask, [GREETED, answer])


def _observed() -> Exchange:
    encoder = Encoder()
    x = torch.zeros(2, 3, requires_grad=True)
    fields = {
        "value": encoder.encode([x, x + 1]),
        "after": encoder.encode([(x, torch.Generator()), {"k": None}]),
        "effects": _effects(),
    }
    answer = _answer(encoder, **_answered(encoder, **fields))
    ask = _greeted(lambda submission: submission.observe("f", _arguments(), {"k": None}))
    return Exchange("observed", ask, [GREETED, answer])


def _effects() -> dict[str, Any]:
    return {
        "mutated": [[0, "its values differ"], ["k", "it holds another value"]],
        "aliases": [[0, 0], [1, "k"]],
        "changed": ["the default dtype"],
    }


def _watched() -> Exchange:
    encoder = Encoder()
    usage = {
        "functions": [["torch.exp", 2, "work.py", 3]],
        "operations": [["aten::exp", 2, None, None]],
        "largest": [6, 24],
        "saved": 24,
        "flops": 0,
        "complete": True,
    }
    fields = {"value": encoder.encode(torch.ones(2, 3)), "effects": _effects(), "usage": usage}
    answer = _answer(encoder, **_answered(encoder, **fields))

    def ask(submission: RemoteSubmission) -> object:
        heard: list[Record] = []
        with submission.watched(heard.append):
            submission.call("f", _arguments(), {"k": None})
        return heard

    return Exchange("watched", _greeted(ask), [GREETED, answer])


def _gradient() -> Exchange:
    first, second = Encoder(), Encoder()
    x = torch.ones(2, 3, requires_grad=True)
    called = _answer(first, value=first.encode(x * 2), outputs=1, node=1, generators=[])
    gradients = second.encode([torch.ones(2, 3, requires_grad=True)])
    answer = _answer(second, 2, value=gradients, outputs=1, node=2)

    def ask(submission: RemoteSubmission) -> object:
        leaf = torch.ones(2, 3, requires_grad=True)
        result = submission.call("f", (leaf,), {})
        upstream = torch.ones(2, 3)
        # None is an honest answer: no path leads to the input.
        return torch.autograd.grad(result, leaf, upstream, create_graph=True, allow_unused=True)

    return Exchange("gradient", _greeted(ask), [GREETED, called, answer])


def _missing() -> Exchange:
    fields = {"status": "missing", "class": "Mean", "name": "merge", "file": "work.py"}
    answer = ({"id": 1, **fields, "tensors": []}, b"")
    return Exchange("missing", _greeted(lambda it: it.call("f", (), {})), [GREETED, answer])


OBJECT = {"$": "object", "h": 5, "c": "Mean", "module": False}
MODULE = {**OBJECT, "c": "Net", "module": True}


def _object() -> Exchange:
    first, second = Encoder(), Encoder()
    called = _answer(first, **_answered(first, value=[OBJECT]))
    state = second.tensor(torch.Generator().get_state())
    answer = _answer(
        second,
        2,
        value={"$": "tuple", "v": [False, {"$": "dict", "v": [["self", OBJECT]]}]},
        outputs=0,
        node=None,
        generators=[],
        shared={"kept": [1], "drawn": [[1, state]]},
    )

    def ask(submission: RemoteSubmission) -> object:
        _, generator = _arguments()
        (made,) = submission.call("f", (generator,), {})
        return made.rate

    return Exchange("object", _greeted(ask), [GREETED, called, answer])


def _described(number: int) -> Answer:
    encoder = Encoder()
    child = {
        "h": 6,
        "c": "Linear",
        "training": True,
        "container": "Sequential",
        "parameters": [["w", 1]],
        "buffers": [],
        "persistent": [],
        "children": [["no", None]],
    }
    root = {
        "h": 5,
        "c": "Net",
        "training": False,
        "container": None,
        "parameters": [["w", 1], ["none", None]],
        "buffers": [["b", 2]],
        "persistent": [False],
        "children": [["fc", 6], ["same", 6]],
    }
    tensors = [torch.ones(3), torch.arange(2)]
    values = [[n, encoder.tensor(t), n == 1] for n, t in enumerate(tensors, 1)]
    return _answer(encoder, number, modules=[child, root], values=values)


def _made() -> Answer:
    return _answer(Encoder(), value=MODULE, outputs=0, node=None, generators=[])


def _description() -> Exchange:
    ask = _greeted(lambda submission: submission.call("Net", (), {}).state_dict())
    return Exchange("description", ask, [GREETED, _made(), _described(2)])


def _mirrored() -> Exchange:
    encoder = Encoder()
    value = encoder.encode(torch.ones(2, requires_grad=True))
    contents = encoder.tensor(torch.zeros(3))
    changes = {
        "tensors": [[1, contents]],
        "grad": [[1, True]],
        "training": [[6, False]],
        "restructured": [],
        "fresh": [],
    }
    answer = _answer(encoder, 3, value=value, outputs=1, node=1, generators=[], mirrors=changes)

    def ask(submission: RemoteSubmission) -> object:
        mirror = submission.call("Net", (), {})
        mirror(torch.ones(1))
        return [mirror.state_dict(), *mirror.parameters()]

    return Exchange("mirrored", _greeted(ask), [GREETED, _made(), _described(2), answer])
