"""A submission in a worker, callable as if it were local."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch

from dlcourse.errors import DlcourseError
from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.faults import StudentFault
from dlcourse.sandbox.graph import Exchange
from dlcourse.sandbox.observation import Observation
from dlcourse.sandbox.process import Budget, WorkerProcess
from dlcourse.sandbox.server import ForkServer
from dlcourse.sandbox.tensors import Malformed, Unsendable
from dlcourse.sandbox.values import Decoder, Encoder, set_state
from dlcourse.sandbox.wire import Frame

_MAX_NAMES = 10_000
_MAX_NAME = 300


class UnsendableArgument(TypeError):
    """The suite passed what cannot cross: the suite is at fault, not graded code."""


@dataclass(frozen=True)
class Sources:
    """A submission's files as read by the grader: module name to source text."""

    main: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class LayerReport:
    """A layer of confinement as the worker obtained it, before it loaded graded code."""

    name: str
    active: bool
    detail: str


class RemoteSubmission:
    """Graded code in a confined worker.

    Arguments and results are tensors, NumPy arrays, numbers, strings, dtypes, devices,
    generators and nested containers of them. Results are plain local values; tensors carry an
    autograd node whose backward runs in the worker. Generators come back advanced.
    """

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self.layers = _layers(process, process.greet())
        self.names: dict[str, str] = {}

    @classmethod
    def start(cls, server: ForkServer, limits: Limits) -> Self:
        """Fork a worker that has loaded nothing yet."""
        process = WorkerProcess(server.spawn(limits))
        try:
            return cls(process)
        except StudentFault as fault:
            # No graded code has run yet: whatever went wrong is ours.
            printed = process.take_output()
            process.close()
            raise DlcourseError(f"a worker did not start: {fault}\n{printed}".strip()) from None

    def load(self, sources: Sources, budget: Budget, seed: int) -> None:
        """Import the submission; raises StudentFault for whatever its import does."""
        self.process.begin(budget, seed)
        frame = self.process.request(
            {"kind": "load", "main": sources.main, "files": dict(sources.files)}
        )
        self.names = _names(self.process, frame)

    def value(self, path: str) -> Any:
        """Return a plain value of the submission, such as a constant."""
        frame = self.process.request({"kind": "value", "target": path})
        return self._decode(frame, Decoder(frame.tensors), "value")

    def call(self, path: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call `path` (dotted below the module) and return its result."""
        return _Call(self.process, {"target": path, "observe": False}, arguments, keywords).value()

    def observe(
        self, path: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Observation:
        """Call `path` and return what it left behind as well, by the worker's own claim."""
        call = _Call(self.process, {"target": path, "observe": True}, arguments, keywords)
        return call.observation()

    def drive(
        self, name: str, source: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Any:
        """Run a function of the suite beside graded code and return what it returns."""
        header = {"target": name, "driver": source, "observe": False}
        return _Call(self.process, header, arguments, keywords).value()

    def _decode(self, frame: Frame, decoder: Decoder, key: str) -> Any:
        try:
            return decoder.decode(frame.header.get(key))
        except Malformed as error:
            raise self.process.malformed(str(error)) from None


class _Call:
    """One call: sent on construction, then read."""

    def __init__(
        self,
        process: WorkerProcess,
        header: Mapping[str, Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> None:
        self._process = process
        encoder = _encode_arguments(arguments, keywords)
        grad = torch.is_grad_enabled()
        frame = process.request(
            {
                "kind": "call",
                **header,
                "arguments": encoder.trees[0],
                "keywords": encoder.trees[1],
                "grad": grad,
            },
            encoder.descriptions,
            encoder.buffers,
        )
        self._header = frame.header
        exchange = Exchange.of(process, frame)
        inputs = [tensor for tensor in encoder.tensors if grad and tensor.requires_grad]
        rest = frame.tensors[len(exchange.outputs) :]
        self._tensors = (*exchange.attach(inputs), *rest)
        self._advance(encoder.generators)

    def value(self) -> Any:
        """The result."""
        return self._decode("value")

    def observation(self) -> Observation:
        """The result and what the call left behind."""
        result = self.value()
        after = self._decode("after")
        aliases = self._decode("aliases")
        changed = self._decode("changed")
        if (
            not _is_list_of(after, object, 2)
            or type(after[0]) is not tuple
            or type(after[1]) is not dict
            or not _is_list_of(changed, str)
            or type(aliases) is not tuple
            or not all(type(pair) is tuple and len(pair) == 2 for pair in aliases)
        ):
            raise self._process.malformed("what was observed")
        return Observation(
            result=result,
            arguments=after[0],
            keywords=after[1],
            aliases=tuple((int(a), int(b)) for a, b in aliases if type(a) is type(b) is int),
            changed=tuple(changed[:16]),
        )

    def _decode(self, key: str) -> Any:
        try:
            return Decoder(self._tensors).decode(self._header.get(key))
        except Malformed as error:
            raise self._process.malformed(str(error)) from None

    def _advance(self, generators: list[torch.Generator]) -> None:
        """Bring the generators to the state in which the call left them."""
        states = self._header.get("generators", [])
        if not _is_list_of(states, list):
            raise self._process.malformed("the generators")
        try:
            for pair in states:
                number, index = (int(item) for item in pair if type(item) is int)
                if not 0 <= number < len(generators) or not 0 <= index < len(self._tensors):
                    raise Malformed("a generator's number")
                set_state(generators[number], self._tensors[index])
        except (Malformed, ValueError) as error:
            raise self._process.malformed(str(error)) from None


class _ArgumentEncoder(Encoder):
    """Encodes a call's arguments; `trees` holds positional and keyword arguments."""

    trees: tuple[Any, Any]


def _encode_arguments(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> _ArgumentEncoder:
    encoder = _ArgumentEncoder()
    try:
        encoder.trees = (encoder.encode(arguments), encoder.encode(dict(keywords)))
    except Unsendable as error:
        raise UnsendableArgument(
            f"an argument holds {error}, which cannot cross to graded code: pass tensors, "
            "numbers, strings or containers of them, or run the call in an `@in_worker` function"
        ) from None
    return encoder


def _is_list_of(value: Any, kind: type, length: int | None = None) -> bool:
    if type(value) is not list or (length is not None and len(value) != length):
        return False
    return all(isinstance(item, kind) for item in value)


def _layers(process: WorkerProcess, frame: Frame) -> tuple[LayerReport, ...]:
    layers: Iterable[dict[str, Any]] = frame.header.get("layers", ())
    try:
        return tuple(
            LayerReport(str(layer["name"]), layer["active"] is True, str(layer["detail"]))
            for layer in layers
        )
    except (KeyError, TypeError):
        raise process.malformed("the layers") from None


def _names(process: WorkerProcess, frame: Frame) -> dict[str, str]:
    names = frame.header.get("names")
    if type(names) is not dict or len(names) > _MAX_NAMES:
        raise process.malformed("the names")
    return {str(name)[:_MAX_NAME]: str(kind)[:_MAX_NAME] for name, kind in names.items()}

