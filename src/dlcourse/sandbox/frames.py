"""Who calls whom: frames of graded code and of torch."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from dlcourse.sandbox.engine import ENGINE_CODE
from dlcourse.sandbox.faults import Place
from dlcourse.sandbox.naming import name_in

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType

_CLOSURE: Final = "<locals>"
_LEFT: Final = "__exit__"


def place_in(frame: FrameType | None, files: Collection[str]) -> Place | None:
    """The innermost line of `files`, up to the engine that runs a backward."""
    while frame is not None and frame.f_code is not ENGINE_CODE:
        if frame.f_code.co_filename in files:
            return Place(PurePath(frame.f_code.co_filename).name, frame.f_lineno)
        frame = frame.f_back
    return None


def direct_place(frame: FrameType, files: Collection[str]) -> Place | None:
    """The line of `files` that calls the Python function of torch that `frame` runs, if any."""
    if not _is_torch(frame):
        return None
    caller = frame.f_back
    # A decorator's wrapper is not what is called.
    while caller is not None and _is_torch(caller) and _CLOSURE in caller.f_code.co_qualname:
        caller = caller.f_back
    if caller is None or caller.f_code.co_filename not in files:
        return None
    return place_in(caller, files)


def _is_torch(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return type(name) is str and (name == "torch" or name.startswith("torch."))


def callee(frame: FrameType) -> str:
    """The public name of the function that a frame runs; a method's is its object's class's."""
    code = frame.f_code
    if _CLOSURE in code.co_qualname or code.co_name == _LEFT:
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
    held = frame.f_locals.get(first)
    return held if isinstance(held, type) else type(held)


def _public(module: str, qualname: str) -> str:
    """A name without what is private: `Module._call_impl` is a call of the module itself."""
    owner, _, name = qualname.rpartition(".")
    private = owner and name.startswith("_") and not name.startswith("__")
    return name_in(module, owner if private else qualname)
