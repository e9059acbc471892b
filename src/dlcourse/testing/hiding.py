"""Names in a source that could hide a forbidden call from the worker's modes or from the grader.

Modes see one thread, and graded code could switch them off; text that is compiled while it runs
was read by nobody; and who reaches the worker's own parts decides what it tells.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

_NAMES: Final = frozenset(
    {
        *("__builtins__", "__import__", "compile", "eval", "exec"),
        *("__torch_dispatch__", "__torch_function__", "__traceback__"),
    }
)
_MODULES: Final = (
    *("_thread", "concurrent", "ctypes", "importlib", "multiprocessing", "runpy", "threading"),
    *("dlcourse", "gc.get_objects", "gc.get_referrers", "inspect.currentframe", "inspect.stack"),
    *("operator.attrgetter", "operator.methodcaller"),
    *("sys._current_frames", "sys._getframe", "sys.exc_info"),
    *("sys.modules", "sys.setprofile", "sys.settrace"),
    *("torch.jit.CompilationUnit", "torch.multiprocessing", "torch.overrides"),
    *("torch.utils._python_dispatch", "torch.utils.cpp_extension"),
)
_SWITCHES: Final = (
    "torch._C.*AutoDispatch*",
    "torch._C.*Disable*",
    "torch._C.*Guard*",
    "torch._C.*torch_dispatch*",
    "torch._C.*torch_function*",
    "torch._C.*_mode*",
)


@lru_cache(maxsize=4096)
def hides(path: str) -> bool:
    """Whether a name, or the dotted path that it stands for, could hide a call."""
    if path in _NAMES or path.removeprefix("builtins.") in _NAMES:
        return True
    if any(path == module or path.startswith(f"{module}.") for module in _MODULES):
        return True
    return any(fnmatchcase(path, pattern) for pattern in _SWITCHES)
