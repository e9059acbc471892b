"""The process that holds graded code: it loads a submission and answers calls.

Graded code can read and change everything here: nothing is secret, and nothing that it answers is
trusted. One frame comes in, one goes out:

    load      files, main, seed               -> names {name: kind}
    call      target, arguments, keywords     -> value, node, generators (and what was observed)
    value     target                          -> value
    gradient  node, upstream, wanted          -> value, node

An answer's `status` is `answer`, `raised` (with the exception) or `unsendable` (with the kind of
value that cannot cross).
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

import torch

from dlcourse.sandbox.driver import compile_driver
from dlcourse.sandbox.modules import load_submission
from dlcourse.sandbox.observe import observe
from dlcourse.sandbox.report_error import describe_error
from dlcourse.sandbox.tensors import Malformed, Unsendable
from dlcourse.sandbox.values import Decoder, Encoder
from dlcourse.sandbox.wire import Channel, Frame, PeerGone

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
        header["id"] = frame.header["id"]
        _flush()
        try:
            channel.send(header, encoder.descriptions, encoder.buffers)
        except Malformed:
            channel.send(
                {"id": header["id"], "status": "unsendable", "kind": "a value that is too large"}
            )


def _flush() -> None:
    """What graded code printed belongs to the call that printed it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


class Worker:
    """The state of one worker: the submission's module and the autograd nodes still referred to."""

    def __init__(self) -> None:
        self._module: ModuleType | None = None
        self._files: set[str] = set()
        self._drivers: dict[str, Callable[..., Any]] = {}
        self._nodes: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
        self._next_node = 1
        self._entry: CodeType | None = None

    def answer(self, frame: Frame) -> _Reply:
        """Do what `frame` asks; whatever graded code raises becomes an answer too."""
        header = frame.header
        self._entry = None
        for node in header.get("release", ()):
            self._nodes.pop(node, None)
        try:
            if header.get("seed") is not None:
                _seed(header["seed"])
            ask = getattr(self, f"_{header['kind']}")
            reply, encoder = ask(frame)
        except Unsendable as error:
            return {"status": "unsendable", "kind": str(error)}, Encoder()
        # Graded code may raise SystemExit and KeyboardInterrupt as it likes.
        except BaseException as error:  # noqa: BLE001
            described = describe_error(error, self._files, self._entry)
            return {"status": "raised", **described}, Encoder()
        return {"status": "answer", **reply}, encoder

    def _load(self, frame: Frame) -> _Reply:
        sources: dict[str, str] = frame.header["files"]
        self._files = {f"{name}.py" for name in sources}
        self._module = load_submission(frame.header["main"], sources)
        names = {name: _kind(value) for name, value in vars(self._module).items()}
        return {"names": names}, Encoder()

    def _value(self, frame: Frame) -> _Reply:
        encoder = Encoder()
        return {"value": encoder.encode(self._target(frame.header["target"]))}, encoder

    def _call(self, frame: Frame) -> _Reply:
        header = frame.header
        leaves, seen = _graft(frame)
        decoder = Decoder(seen)
        arguments: tuple[Any, ...] = decoder.decode(header["arguments"])
        keywords: dict[str, Any] = decoder.decode(header["keywords"])
        function = self._callee(header)
        if "driver" in header:
            arguments = (self._module, *arguments)
        self._entry = getattr(function, "__code__", None)
        encoder = Encoder()
        with torch.set_grad_enabled(header["grad"]):
            if header["observe"]:
                reply = _observed(function, arguments, keywords, encoder)
            else:
                reply = _plain(function, arguments, keywords, encoder)
        outputs = encoder.tensors[: reply["outputs"]]
        reply["node"] = self._keep(leaves if header["grad"] else [], outputs)
        reply["generators"] = [
            [number, encoder.tensor(generator.get_state())]
            for number, generator in decoder.generators.items()
        ]
        return reply, encoder

    def _gradient(self, frame: Frame) -> _Reply:
        """Backward through a node: vector-Jacobian products, themselves a node when asked."""
        header = frame.header
        inputs, outputs = self._nodes[header["node"]]
        again = header["create_graph"]
        upstream = [None if i is None else frame.tensors[i] for i in header["upstream"]]
        given = [gradient for gradient in upstream if gradient is not None]
        for gradient in given:
            gradient.requires_grad_(again)
        reached = [out for out, up in zip(outputs, upstream, strict=True) if up is not None]
        wanted = [tensor for tensor, want in zip(inputs, header["wanted"], strict=True) if want]
        with torch.set_grad_enabled(again):
            found = iter(
                torch.autograd.grad(
                    reached, wanted, given, retain_graph=True, create_graph=again, allow_unused=True
                )
            )
        gradients = [next(found) if want else None for want in header["wanted"]]
        encoder = Encoder()
        value = encoder.encode(gradients)
        # `outputs` counts what takes part in autograd; a gradient met twice is sent once.
        count = len(encoder.tensors)
        node = self._keep([*inputs, *given] if again else [], encoder.tensors)
        return {"value": value, "outputs": count, "node": node}, encoder

    def _keep(self, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> int | None:
        """Remember a piece of graph for later gradients; None where there is none."""
        reached = [tensor for tensor in outputs if tensor.requires_grad]
        if not inputs or not reached:
            return None
        node = self._next_node
        self._next_node += 1
        self._nodes[node] = (inputs, reached)
        return node

    def _callee(self, header: dict[str, Any]) -> Callable[..., Any]:
        if "driver" not in header:
            function: Callable[..., Any] = self._target(header["target"])
            return function
        name, source = header["target"], header["driver"]
        if source not in self._drivers:
            self._drivers[source] = compile_driver(source, name)
        return self._drivers[source]

    def _target(self, path: str) -> Any:
        target: Any = self._module
        for name in path.split("."):
            target = getattr(target, name)
        return target


def _graft(frame: Frame) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Give the frame's tensors the autograd state they had with the grader.

    Returns the leaves that gradients flow to, and the tensors as graded code sees them: one that
    was no leaf arrives as no leaf, so that an in-place edit behaves as it does locally.
    """
    leaves = []
    seen = []
    for tensor, spec in zip(frame.tensors, frame.specs, strict=True):
        if not spec.requires_grad:
            seen.append(tensor)
            continue
        leaf = tensor.requires_grad_()
        leaves.append(leaf)
        seen.append(leaf if spec.is_leaf else _inner(leaf))
    return leaves, seen


def _inner(leaf: torch.Tensor) -> torch.Tensor:
    """A non-leaf equal to `leaf`, with its strides where a clone can have them."""
    with torch.enable_grad():
        return leaf.clone(memory_format=torch.preserve_format)


def _plain(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    encoder: Encoder,
) -> dict[str, Any]:
    value = encoder.encode(function(*arguments, **keywords))
    return {"value": value, "outputs": len(encoder.tensors)}


def _observed(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    encoder: Encoder,
) -> dict[str, Any]:
    seen = observe(function, arguments, keywords)
    value = encoder.encode(seen.result)
    outputs = len(encoder.tensors)
    return {
        "value": value,
        "outputs": outputs,
        "after": encoder.encode([seen.arguments, seen.keywords]),
        "aliases": encoder.encode(seen.aliases),
        "changed": list(seen.changed),
    }


def _kind(value: object) -> str:
    """What a name of the submission stands for."""
    if isinstance(value, type):
        return "class"
    return "function" if callable(value) else type(value).__name__


def _seed(seed: int) -> None:
    """Seed every global generator that graded code may draw from."""
    torch.manual_seed(seed)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % (1 << 32))
