"""What a watched call runs under: a function mode, a dispatch mode and a hook on Python calls.

- The function mode sees public functions that can be overridden, methods of `Tensor` included, at
  the level at which graded code, or a module of torch that it uses, calls them: those that
  decompose before any operator runs too.
- The hook sees functions and classes of torch that are written in Python, where a line of graded
  code calls them: those that no mode can override, such as `torch.enable_grad`, too.
- The dispatch mode sees the operators that run, below autograd and in every backward.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from dlcourse.sandbox.effects import tensors_in
from dlcourse.sandbox.engine import engine_run_by
from dlcourse.sandbox.frames import callee, direct_place, place_in
from dlcourse.sandbox.naming import operator_name, public_name
from dlcourse.sandbox.record import MAX_NAMES, Extent, Usage
from dlcourse.sandbox.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import FrameType

    import torch


class Lens:
    """Collects what the modes see; `files` are those of graded code, as its frames name them."""

    def __init__(self, files: Collection[str]) -> None:
        self._files = files
        self._functions = Tally()
        self._called = Tally()
        self._operations = Tally()
        self._largest = Extent()
        self._flops = 0

    def usage(self, saved_bytes: int) -> Usage:
        """What was seen."""
        functions = {**self._called.sights(), **self._functions.sights()}
        told = dict(list(functions.items())[:MAX_NAMES])
        tallies = (self._functions, self._called, self._operations)
        return Usage(
            functions=told,
            operations=self._operations.sights(),
            largest=self._largest,
            saved_bytes=saved_bytes,
            flops=self._flops,
            complete=len(told) == len(functions) and not any(each.full for each in tallies),
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """See what runs inside the block, in this thread."""
        functions = _Functions(self)
        previous = sys.getprofile()
        modes = ExitStack()
        for mode in (functions, _Operations(self), _in_backward(functions)):
            modes.enter_context(mode)
        sys.setprofile(self._on_call)
        try:
            yield
        finally:
            sys.setprofile(previous)
            # Graded code may have taken them off itself.
            with suppress(Exception):
                modes.close()

    def on_function(self, function: Any) -> None:
        """Count a public function, if a line of graded code led to it."""
        place = place_in(sys._getframe(2), self._files)  # noqa: SLF001 - the documented way to a frame
        name = public_name(function)
        if place is not None and name.startswith("torch."):
            self._functions.add(name, place)

    def on_operator(self, operator: Any) -> None:
        """Count an operator."""
        name = operator_name(operator)
        place = None
        if not self._operations.knows_line_of(name):
            place = place_in(sys._getframe(2), self._files)  # noqa: SLF001 - the same
        self._operations.add(name, place)

    def on_result(
        self, operator: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any], result: Any
    ) -> None:
        """Measure what an operator made and count what it computed."""
        for tensor in _made(operator, result):
            self._largest = Extent(
                max(self._largest.elements, tensor.numel()),
                max(self._largest.bytes, tensor.numel() * tensor.element_size()),
            )
        formula = flop_registry.get(getattr(operator, "overloadpacket", None))
        if formula is not None:
            # A formula does not know every shape that its operator takes.
            with suppress(Exception):
                self._flops += int(formula(*arguments, **keywords, out_val=result))

    def _on_call(self, frame: FrameType, event: str, _: Any) -> None:
        """Count a Python function of torch that a line of graded code calls."""
        place = direct_place(frame, self._files) if event == "call" else None
        name = callee(frame) if place is not None else ""
        if name:
            self._called.add(name, place)


class _Functions(TorchFunctionMode):
    """Tells the lens of every public function; `open` is False while one of them runs."""

    def __init__(self, lens: Lens) -> None:
        super().__init__()
        self._lens = lens
        self.open = True

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self._lens.on_function(func)
        before, self.open = self.open, False
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.open = before


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch's
    """Tells the lens of every operator that runs."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Do not wrap the method below: its first call would import the whole compiler."""
        return False

    def __init__(self, lens: Lens) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # the same
        self._lens = lens

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        keywords = kwargs or {}
        self._lens.on_operator(func)
        result = func(*args, **keywords)
        self._lens.on_result(func, args, keywords, result)
        return result


def _in_backward(mode: _Functions) -> AbstractContextManager[None]:
    """Have the mode on again where autograd's engine calls back.

    torch switches a mode off while a function that it saw runs, and `torch.autograd.grad` is such
    a function: the backward of a Function would go unseen.
    """

    def run(engine: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        if mode.open:
            return engine(*arguments, **keywords)
        mode.open = True
        try:
            with mode:
                return engine(*arguments, **keywords)
        finally:
            mode.open = False

    return engine_run_by(run)


def _made(operator: Any, result: Any) -> Iterator[torch.Tensor]:
    """The results of an operator that are no views of its arguments."""
    schema = getattr(operator, "_schema", None)
    if schema is None:
        yield from tensors_in(result)
        return
    parts = result if len(schema.returns) > 1 else (result,)
    for returned, part in zip(schema.returns, parts, strict=False):
        if returned.alias_info is None:
            yield from tensors_in(part)
