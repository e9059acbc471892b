"""Calls of our own code in the learner's place, seen by the witness that a worker has."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcourse.sandbox.engine import engine_run_by
from dlcourse.sandbox.observe import observe
from dlcourse.sandbox.record import BACKWARD, Record
from dlcourse.sandbox.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    import torch

    from dlcourse.sandbox.observation import Observation

_NO_FILE = "<string>"  # what `exec` calls the file of a text


class LocalWatch:
    """Runs calls of one module in this process, watched while there are listeners."""

    def __init__(self, module: ModuleType) -> None:
        self._file = getattr(module, "__file__", None) or _NO_FILE
        self._listeners: list[Callable[[Record], None]] = []
        self._busy = False

    @property
    def sources(self) -> Mapping[str, str]:
        """The module's source text, by file name; nothing where it is in no file."""
        if self._file == _NO_FILE:
            return {}
        return {Path(self._file).name: Path(self._file).read_text(encoding="utf-8")}

    def call(
        self,
        name: str,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Call a function and return its result."""
        with self._heard(name) as witness:
            return witness.call(function, arguments, keywords)

    def observe(
        self,
        name: str,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Observation:
        """Call a function and report what it left behind."""
        with self._heard(name) as witness:
            return observe(function, arguments, keywords, witness)

    @contextmanager
    def watched(self, listener: Callable[[Record], None]) -> Iterator[None]:
        """Tell `listener` of each call in the block, and of each backward that it runs."""
        self._listeners.append(listener)
        try:
            with engine_run_by(self._backward):
                yield
        finally:
            self._listeners.remove(listener)

    def _backward(
        self,
        engine: Callable[..., Any],
        outputs: Sequence[torch.Tensor],
        upstream: Sequence[torch.Tensor | None],
        keep: bool,  # noqa: FBT001 - the engine's own signature
        create: bool,  # noqa: FBT001 - the same
        inputs: Sequence[torch.Tensor],
        *rest: Any,
        **options: Any,
    ) -> Any:
        """Run autograd's engine; a backward inside a call belongs to that call."""

        def run(outputs: Any, inputs: Any, upstream: Any) -> Any:
            return engine(outputs, upstream, keep, create, inputs, *rest, **options)

        if self._busy:
            return run(outputs, inputs, upstream)
        parts = (tuple(outputs), tuple(inputs), tuple(upstream))
        with self._heard(None) as witness:
            return witness.call(run, parts, {})

    @contextmanager
    def _heard(self, name: str | None) -> Iterator[Witness]:
        """Give a witness of one call, and tell what it saw; a backward has no name of its own."""
        witness = Witness((self._file,), watched=bool(self._listeners))
        self._busy, before = True, self._busy
        try:
            yield witness
        finally:
            self._busy = before
            if witness.effects is not None and witness.usage is not None:
                backward = name is None
                record = Record(name or BACKWARD, witness.effects, witness.usage, backward)
                for listener in self._listeners:
                    listener(record)
