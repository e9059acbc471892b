"""A submission in a worker, callable as if it were local."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from dlcourse.errors import DlcourseError, UnavailableError
from dlcourse.sandbox.call import Call
from dlcourse.sandbox.decoder import Decoder
from dlcourse.sandbox.faults import StudentFault
from dlcourse.sandbox.objects import Objects
from dlcourse.sandbox.process import WorkerProcess
from dlcourse.sandbox.raised import bounded_text
from dlcourse.sandbox.requirement import require_tier
from dlcourse.sandbox.tensors import Malformed, Unsendable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from dlcourse.sandbox.confinement import Limits
    from dlcourse.sandbox.observation import Observation
    from dlcourse.sandbox.record import Record
    from dlcourse.sandbox.server import ForkServer
    from dlcourse.sandbox.watch import Budget

_MAX_NAMES: Final = 10_000
_MAX_NAME: Final = 300
_MAX_LAYERS: Final = 32
_MAX_DETAIL: Final = 2000


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
    generators, objects of graded code and nested containers of them. Results are plain local
    values, but for objects, which stay in the worker and have a stand-in here. Tensors carry an
    autograd node whose backward runs in the worker. Generators come back advanced.
    """

    is_ours: Final = False

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self.objects = Objects(process)
        self.layers = _layers(process)
        self.names: dict[str, str] = {}
        self.sources: dict[str, str] = {}

    @classmethod
    def start(cls, server: ForkServer, limits: Limits) -> Self:
        """Fork a worker that has loaded nothing yet.

        Raises:
            UnavailableError: the worker is confined less than its server requires.
            DlcourseError: it does not start.
        """
        process = WorkerProcess(server.spawn(limits))
        try:
            submission = cls(process)
            require_tier(submission.layers, server.required)
        except StudentFault as fault:
            # No graded code has run yet: whatever went wrong is ours.
            process.close()
            printed = process.take_output()
            raise DlcourseError(f"a worker did not start: {fault}\n{printed}".strip()) from None
        except UnavailableError:
            process.close()
            raise
        return submission

    def load(self, sources: Sources, budget: Budget, seed: int) -> None:
        """Import the submission; raises StudentFault for whatever its import does."""
        self.process.begin(budget, seed)
        self.sources = {f"{name}.py": text for name, text in sources.files.items()}
        header = {"kind": "load", "main": sources.main, "files": dict(sources.files)}
        try:
            frame = self.process.request(header)
        except Unsendable:
            raise StudentFault(
                "the submission's files are too large together: hand in source code only"
            ) from None
        self.names = _names(self.process, frame.header.get("names"))

    def value(self, path: str) -> Any:
        """Return a plain value of the submission, such as a constant."""
        frame = self.process.request({"kind": "value", "target": path})
        try:
            return Decoder(frame.tensors).decode(frame.header.get("value"))
        except Malformed as error:
            raise self.process.malformed(str(error)) from None

    def call(self, path: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call `path` (dotted below the module) and return its result."""
        return Call(self.objects, {"target": path, "observe": False}, arguments, keywords).value()

    def observe(
        self, path: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Observation:
        """Call `path` and return what it left behind as well, by the worker's own claim."""
        call = Call(self.objects, {"target": path, "observe": True}, arguments, keywords)
        return call.observation()

    def watched(self, listener: Callable[[Record], None]) -> AbstractContextManager[None]:
        """Tell `listener` what each call and gradient in the block did, by the worker's claim."""
        return self.process.watched(listener)

    def drive(
        self, name: str, source: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Any:
        """Run a function of the suite beside graded code and return what it returns."""
        header = {"target": name, "driver": source, "observe": False}
        return Call(self.objects, header, arguments, keywords).value()


def _layers(process: WorkerProcess) -> tuple[LayerReport, ...]:
    layers = process.greet().header.get("layers")
    if type(layers) is not list or len(layers) > _MAX_LAYERS:
        raise process.malformed("the layers")
    try:
        return tuple(_layer(layer) for layer in layers)
    except Malformed as error:
        raise process.malformed(str(error)) from None


def _layer(layer: Any) -> LayerReport:
    if type(layer) is not dict or type(layer.get("active")) is not bool:
        raise Malformed("a layer")
    return LayerReport(
        name=bounded_text(layer.get("name"), _MAX_NAME),
        active=layer["active"],
        detail=bounded_text(layer.get("detail"), _MAX_DETAIL),
    )


def _names(process: WorkerProcess, names: Any) -> dict[str, str]:
    if type(names) is not dict or len(names) > _MAX_NAMES:
        raise process.malformed("the names")
    try:
        return {
            bounded_text(name, _MAX_NAME): bounded_text(kind, _MAX_NAME)
            for name, kind in names.items()
        }
    except Malformed as error:
        raise process.malformed(str(error)) from None
