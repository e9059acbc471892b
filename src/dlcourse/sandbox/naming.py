"""Public names of torch's functions and classes: the one under which each is documented.

The worker names what it saw and the grader what is forbidden, both by these rules, so that a
function is recognised under any alias.
"""

from __future__ import annotations

import inspect
import sys
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any, Final

from torch._ops import OpOverload, OpOverloadPacket

_TENSOR: Final = "torch.Tensor"
_OF_THE_CLASS: Final = frozenset({"__call__", "__enter__", "__init__", "__new__"})
# Where builtins say that they live, the prefix of their names there, and where they are public.
_BUILTINS: Final = {
    "torch._C._fft": ("fft_", "torch.fft"),
    "torch._C._linalg": ("linalg_", "torch.linalg"),
    "torch._C._nn": ("", "torch.nn.functional"),
    "torch._C._special": ("special_", "torch.special"),
}


def public_name(thing: Any) -> str:
    """Return the public dotted name of a function, method, property, class or module of torch.

    What is none of these, or says nothing of itself, gives "".
    """
    if isinstance(thing, OpOverload | OpOverloadPacket):
        return f"torch.ops.{_operator(thing).replace('::', '.')}"
    if isinstance(thing, ModuleType):
        return thing.__name__
    if isinstance(thing, type):
        return name_in(thing.__module__, thing.__qualname__)
    # A property is called through a method of its descriptor.
    descriptor = getattr(thing, "__self__", None) if _is_getter(thing) else thing
    name = getattr(descriptor, "__name__", None)
    if type(name) is not str:
        return ""
    if hasattr(descriptor, "__objclass__"):
        return f"{_TENSOR}.{name}"
    return _function(descriptor, name)


def _operator(operator: OpOverload | OpOverloadPacket) -> str:
    """An operator's name without its overload, such as `aten::mm`."""
    if isinstance(operator, OpOverload):
        return str(operator._schema.name)  # noqa: SLF001 - there is no public one
    return str(operator._qualified_op_name)  # noqa: SLF001 - the same


def operator_name(operator: Any) -> str:
    """Return the name of what a dispatch mode was handed, such as `aten::mm`."""
    return _operator(operator) if isinstance(operator, OpOverload) else str(operator)


def _is_getter(thing: Any) -> bool:
    return getattr(thing, "__name__", None) in {"__get__", "__set__", "__delete__"}


def _function(function: Any, name: str) -> str:
    module = getattr(function, "__module__", None)
    if type(module) is not str:
        return ""
    if module in _BUILTINS:
        prefix, public = _BUILTINS[module]
        return f"{public}.{name.removeprefix(prefix)}"
    if not isinstance(function, FunctionType):
        return f"{module}.{name}"
    qualname = function.__qualname__
    # A function made inside another one bears the name that it was given afterwards.
    return name_in(module, name if "<locals>" in qualname else qualname)


@lru_cache(maxsize=4096)
def name_in(module: str, qualname: str) -> str:
    """Return the shortest name of `qualname` in `module`.

    A method that makes or calls an object stands for its class: `Adam.__init__` in
    `torch.optim.adam` is `torch.optim.Adam`.
    """
    head, _, rest = qualname.partition(".")
    if rest.rpartition(".")[2] in _OF_THE_CLASS:
        rest = rest.rpartition(".")[0]
    thing = _held(module, head)
    # A thing that is published elsewhere than where it is written says so.
    home = getattr(thing, "__module__", None)
    if thing is not None and type(home) is str:
        module = home
    packages = (module[:end] for end, letter in enumerate(module) if letter == ".")
    holds = (package for package in packages if thing is not None and _held(package, head) is thing)
    return ".".join(part for part in (next(holds, module), head, rest) if part)


def _held(module: str, name: str) -> Any:
    return inspect.getattr_static(sys.modules.get(module), name, None)


def resolve(path: str) -> Any:
    """Return what a dotted path below `torch` means, or None; nothing is imported or run."""
    first, *rest = path.split(".")
    thing: Any = sys.modules.get(first)
    for name in rest:
        thing = inspect.getattr_static(thing, name, None)
        if isinstance(thing, staticmethod | classmethod):
            thing = thing.__func__
    return thing
