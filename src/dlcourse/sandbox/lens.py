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
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from dlcourse.sandbox.effects import tensors_in
from dlcourse.sandbox.faults import Place
from dlcourse.sandbox.naming import name_in, operator_name, public_name
from dlcourse.sandbox.record import MAX_NAME, MAX_NAMES, Extent, Sight, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import FrameType

_LEFT: Final = "__exit__"
_ENGINE: Final = "_engine_run_backward"  # of torch.autograd: the one door to every backward
_RUN_BACKWARD: Final = getattr(torch.autograd, _ENGINE).__code__


class Lens:
    """Collects what the modes see; `files` are those of graded code, as its frames name them."""

    def __init__(self, files: Collection[str]) -> None:
        self._files = files
        self._functions = _Tally()
        self._called = _Tally()
        self._operations = _Tally()
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
        place = self._place(sys._getframe(2))  # noqa: SLF001 - the documented way to a frame
        name = public_name(function)
        if place is not None and name.startswith("torch."):
            self._functions.add(name, place)

    def on_operator(self, operator: Any) -> None:
        """Count an operator."""
        name = operator_name(operator)
        place = None
        if not self._operations.knows_line_of(name):
            place = self._place(sys._getframe(2))  # noqa: SLF001 - the same
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
        if event != "call" or not _is_torch(frame):
            return
        caller = frame.f_back
        # A decorator's wrapper is not what is called.
        while caller is not None and _is_torch(caller) and "<locals>" in caller.f_code.co_qualname:
            caller = caller.f_back
        if caller is None or caller.f_code.co_filename not in self._files:
            return
        name = _callee(frame)
        if name:
            self._called.add(name, _place_at(caller))

    def _place(self, frame: FrameType | None) -> Place | None:
        """The innermost line of graded code, up to the engine that runs a backward."""
        while frame is not None and frame.f_code is not _RUN_BACKWARD:
            if frame.f_code.co_filename in self._files:
                return _place_at(frame)
            frame = frame.f_back
        return None


class _Tally:
    """Counts names, each with the first line known to lead there, and stops at `MAX_NAMES`."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._places: dict[str, Place] = {}
        self.full = False

    def add(self, name: str, place: Place | None) -> None:
        name = name[:MAX_NAME]
        if name not in self._counts and len(self._counts) >= MAX_NAMES:
            self.full = True
            return
        self._counts[name] = self._counts.get(name, 0) + 1
        if place is not None:
            self._places.setdefault(name, place)

    def knows_line_of(self, name: str) -> bool:
        return name[:MAX_NAME] in self._places

    def sights(self) -> dict[str, Sight]:
        return {name: Sight(count, self._places.get(name)) for name, count in self._counts.items()}


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


@contextmanager
def engine_run_by(run: Callable[..., Any]) -> Iterator[None]:
    """Have `run` called, with autograd's engine and its arguments, for each backward."""
    engine = getattr(torch.autograd, _ENGINE)

    def run_engine(*arguments: Any, **keywords: Any) -> Any:
        return run(engine, *arguments, **keywords)

    setattr(torch.autograd, _ENGINE, run_engine)
    try:
        yield
    finally:
        setattr(torch.autograd, _ENGINE, engine)


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


def _is_torch(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return type(name) is str and (name == "torch" or name.startswith("torch."))


def _callee(frame: FrameType) -> str:
    """The public name of the function that a frame runs; a method's is its object's class's."""
    code = frame.f_code
    if "<locals>" in code.co_qualname or code.co_name == _LEFT:
        return ""
    kind = _receiver(frame)
    if kind is not None and str(kind.__module__).startswith("torch."):
        return _public(kind.__module__, f"{kind.__qualname__}.{code.co_name}")
    return _public(frame.f_globals["__name__"], code.co_qualname)


def _receiver(frame: FrameType) -> type | None:
    """The class of the object that a method is called on, or the class that it is called on."""
    code = frame.f_code
    first = code.co_varnames[0] if code.co_argcount else ""
    if first not in {"self", "cls"}:
        return None
    held = frame.f_locals[first]
    return held if isinstance(held, type) else type(held)


def _public(module: str, qualname: str) -> str:
    """A name without what is private: `Module._call_impl` is a call of the module itself."""
    owner, _, name = qualname.rpartition(".")
    private = owner and name.startswith("_") and not name.startswith("__")
    return name_in(module, owner if private else qualname)


def _place_at(frame: FrameType) -> Place:
    return Place(PurePath(frame.f_code.co_filename).name, frame.f_lineno)
