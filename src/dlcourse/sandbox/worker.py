"""The process that holds graded code: it loads a submission and answers calls.

Graded code can read and change everything here: nothing is secret, and nothing that it answers is
trusted. One frame comes in, one goes out:

    load      files, main, seed                -> names {name: kind}
    call      target, arguments, keywords,
              mirrors                          -> value, outputs, node, generators, mirrors
    value     target                           -> value
    gradient  node, upstream, wanted           -> value, outputs, node
    describe  objects                          -> modules, values

A call's target is a dotted name below the submission's module, or below an `object` that the
worker keeps under a number; it may also be an `operation` such as `len`, or a `driver`. A call that
is observed also answers `after`, its arguments, and `effects`; a call or a gradient that is watched
answers `effects` and `usage`, whatever became of it. `outputs` counts the tensors that take part in
autograd. `mirrors` says, in the call, what the grader changed in the modules that it mirrors, and
in the answer what the call changed there (see `mirrored.py`); `shared` says the same of generators
that graded code keeps (see `held_generators.py`). Every request may `release` graphs and `drop`
objects. An answer's `status` is `answer`, `raised` (with the exception), `missing` (an object lacks
the name) or `unsendable` (with the kind of value that cannot cross).
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import torch

from dlcourse.sandbox.claims import told
from dlcourse.sandbox.crossing import MissingAttribute, attribute_of
from dlcourse.sandbox.decoder import Decoder
from dlcourse.sandbox.driver import compile_driver
from dlcourse.sandbox.graft import Graphs, graft
from dlcourse.sandbox.held_generators import HeldGenerators
from dlcourse.sandbox.live import AnswerEncoder, LiveObjects
from dlcourse.sandbox.mirrored import Mirrored
from dlcourse.sandbox.modules import load_submission
from dlcourse.sandbox.report_error import describe_error
from dlcourse.sandbox.seeding import seed_globals
from dlcourse.sandbox.tensors import Unsendable
from dlcourse.sandbox.values import Encoder
from dlcourse.sandbox.wire import Channel, Frame, PeerGone
from dlcourse.sandbox.witness import Witness

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import CodeType, ModuleType

_Reply = tuple[dict[str, Any], Encoder]


def serve(sock: socket.socket, trace_fd: int, layers: list[dict[str, Any]]) -> None:
    """Greet the grader with the confinement obtained, then answer until it hangs up."""
    # Both handlers write from C, so they work inside one long C call too.
    faulthandler.enable(trace_fd)
    faulthandler.register(signal.SIGUSR1, trace_fd, all_threads=False)
    channel = Channel(sock)
    channel.send({"id": 0, "status": "answer", "layers": layers})
    worker = Worker()
    while True:
        try:
            frame = channel.receive()
        except PeerGone:
            os._exit(0)
        header, encoder = worker.answer(frame)
        _flush()
        number = frame.header["id"]
        try:
            channel.send({**header, "id": number}, encoder.descriptions, encoder.buffers)
        except Unsendable as error:
            worker.forget(header)
            channel.send({"status": "unsendable", "kind": str(error), "id": number})


def _flush() -> None:
    """What graded code printed belongs to the call that printed it."""
    for name in ("stdout", "stderr"):
        # Graded code may have put anything there, or nothing.
        with contextlib.suppress(BaseException):
            getattr(sys, name).flush()


class Worker:
    """The state of one worker: the submission's module, and what is still referred to."""

    def __init__(self) -> None:
        self._module: ModuleType | None = None
        self._files: set[str] = set()
        self._drivers: dict[str, Callable[..., Any]] = {}
        self._graphs = Graphs()
        self._live = LiveObjects()
        self._mirrored = Mirrored(self._live)
        self._generators = HeldGenerators()
        self._entry: CodeType | None = None
        self._witness = Witness()

    def answer(self, frame: Frame) -> _Reply:
        """Do what `frame` asks, and tell what a witness saw of it."""
        self._witness = Witness(
            self._files,
            observed=frame.header.get("observe", False),
            watched=frame.header.get("watch", False),
        )
        reply, encoder = self._answer(frame)
        return {**reply, **told(self._witness)}, encoder

    def _answer(self, frame: Frame) -> _Reply:
        """Do what `frame` asks; whatever graded code raises becomes an answer too."""
        header = frame.header
        self._entry = None
        for node in header["release"]:
            self._graphs.forget(node)
        try:
            self._mirrored.drop(header["drop"])
            self._live.drop(header["drop"])
            if header["seed"] is not None:
                seed_globals(header["seed"])
            reply, encoder = self._asked(frame)
        except Unsendable as error:
            return {"status": "unsendable", "kind": str(error)}, Encoder()
        except MissingAttribute as error:
            return {"status": "missing", **self._missing(error)}, Encoder()
        # Graded code may raise SystemExit and KeyboardInterrupt as it likes.
        except BaseException as error:  # noqa: BLE001
            return {"status": "raised", **self._described(error)}, Encoder()
        return {"status": "answer", **reply}, encoder

    def forget(self, reply: dict[str, Any]) -> None:
        """Let go of the graph of a reply that could not be sent."""
        self._graphs.forget(reply.get("node", 0))

    def _asked(self, frame: Frame) -> _Reply:
        match frame.header["kind"]:
            case "load":
                return self._load(frame.header)
            case "value":
                return self._value(frame.header)
            case "gradient":
                return self._gradient(frame)
            case "describe":
                return self._describe(frame.header)
            case _:
                return self._call(frame)

    def _missing(self, error: MissingAttribute) -> dict[str, Any]:
        """Which class lacks a name, and the file to define it in."""
        own = f"{error.kind.__module__}.py"
        assert self._module is not None, "a name is looked up once the submission is loaded"
        file = own if own in self._files else f"{self._module.__name__}.py"
        return {"class": error.kind.__name__, "name": error.name, "file": file}

    def _described(self, error: BaseException) -> dict[str, Any]:
        try:
            return describe_error(error, self._files, self._entry)
        except BaseException as second:  # noqa: BLE001 - graded code decides how its type behaves
            return describe_error(second, (), None)

    def _load(self, header: dict[str, Any]) -> _Reply:
        sources: dict[str, str] = header["files"]
        self._files = {f"{name}.py" for name in sources}
        self._live = LiveObjects(sources)
        self._mirrored = Mirrored(self._live)
        self._module = load_submission(header["main"], sources)
        # A module's dict may be given keys that are no names.
        names = {
            name: _kind(value) for name, value in vars(self._module).items() if type(name) is str
        }
        return {"names": names}, Encoder()

    def _value(self, header: dict[str, Any]) -> _Reply:
        encoder = Encoder()
        return {"value": encoder.encode(self._target(header))}, encoder

    def _call(self, frame: Frame) -> _Reply:
        header = frame.header
        leaves, seen = graft(frame)
        leaves += self._mirrored.apply(header.get("mirrors"), frame.tensors)
        decoder = Decoder(seen, self._live.find)
        shared = header.get("shared")
        if shared is not None:
            decoder.generators |= self._generators.arriving(shared, frame.tensors)
        arguments: tuple[Any, ...] = decoder.decode(header["arguments"])
        keywords: dict[str, Any] = decoder.decode(header["keywords"])
        function = self._callee(header)
        self._entry = _code_of(function)
        if "driver" in header:
            function = partial(function, self._module)
        # What a driver returns is plain.
        encoder = Encoder() if "driver" in header else AnswerEncoder(self._live)
        with torch.set_grad_enabled(header["grad"]):
            result = self._witness.call(function, arguments, keywords)
            reply = {"value": encoder.encode(result)}
            if header["observe"]:
                reply["after"] = encoder.encode([arguments, keywords])
        reply["outputs"] = outputs = len(encoder.tensors)
        if "mirrors" in header:
            reply["mirrors"], fresh = self._mirrored.changes(encoder)
            leaves += fresh
        reply["node"] = self._graphs.keep(
            leaves if header["grad"] else [],
            encoder.tensors[:outputs],
            self._mirrored.contents(),
        )
        states = [generator.get_state() for _, generator in sorted(decoder.generators.items())]
        reply["generators"] = [encoder.tensor(state) for state in states]
        if shared is not None:
            self._generators.hold(shared, decoder.generators)
            del arguments, keywords, decoder  # from here on, only graded code refers to them
            reply["shared"] = self._generators.leaving(shared, encoder)
        return reply, encoder

    def _describe(self, header: dict[str, Any]) -> _Reply:
        encoder = Encoder()
        return self._mirrored.describe(header["objects"], encoder), encoder

    def _gradient(self, frame: Frame) -> _Reply:
        """Backward through a graph: vector-Jacobian products, themselves a graph when asked."""
        header = frame.header
        again = header["create_graph"]
        upstream = [None if i is None else frame.tensors[i] for i in header["upstream"]]
        gradients, inputs = self._graphs.gradients(
            header["node"],
            upstream,
            header["wanted"],
            create_graph=again,
            call=self._witness.call,
        )
        encoder = Encoder()
        value = encoder.encode(gradients)
        # A gradient met twice is sent once, so the encoder's tensors count.
        node = self._graphs.keep(
            inputs if again else [], encoder.tensors, self._graphs.contents(header["node"])
        )
        return {"value": value, "outputs": len(encoder.tensors), "node": node}, encoder

    def _callee(self, header: dict[str, Any]) -> Callable[..., Any]:
        if "operation" in header:
            return self._live.operation(header["operation"])
        if "driver" not in header:
            function: Callable[..., Any] = self._target(header)
            return function
        source = header["driver"]
        if source not in self._drivers:
            self._drivers[source] = compile_driver(source, header["target"])
        return self._drivers[source]

    def _target(self, header: dict[str, Any]) -> Any:
        """What a request names: below the module, or an object and what is below it."""
        path = header["target"]
        if "object" in header:
            target = self._live[header["object"]]
            return attribute_of(target, path) if path else target
        first, *rest = path.split(".")
        target = getattr(self._module, first)
        for name in rest:
            target = attribute_of(target, name)
        return target


def _code_of(function: Callable[..., Any]) -> CodeType | None:
    """The code of a function or method; an object is asked for nothing, as it may raise."""
    return function.__code__ if isinstance(function, FunctionType | MethodType) else None


def _kind(value: object) -> str:
    """What a name of the submission stands for."""
    if isinstance(value, type):
        return "class"
    return "function" if callable(value) else type(value).__name__
