"""Calls of our own code in the learner's place, seen by the witness that a worker has."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcourse.sandbox.engine import engine_run_by
from dlcourse.sandbox.observe import observe
from dlcourse.sandbox.record import BACKWARD, Effects, Record
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

    def observe(
        self,
        name: str,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        *,
        observed: bool = False,
    ) -> Observation:
        """Call a function; what it left behind is told where it is `observed` or watched."""
        witness = Witness((self._file,), observed=observed, watched=bool(self._listeners))
        return self._observe(function, arguments, keywords, witness, name)

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
        return self._observe(run, parts, {}, Witness((self._file,), watched=True), None).result

    def _observe(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        witness: Witness,
        name: str | None,
    ) -> Observation:
        """Call a function and tell the listeners; a backward has no name of its own."""
        self._busy, before = True, self._busy
        try:
            return observe(function, arguments, keywords, witness)
        finally:
            self._busy = before
            self._tell(name, witness)

    def _tell(self, name: str | None, witness: Witness) -> None:
        if witness.usage is None:
            return
        effects = witness.effects or Effects()
        record = Record(name or BACKWARD, effects, witness.usage, is_backward=name is None)
        for listener in self._listeners:
            listener(record)
