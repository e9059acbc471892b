"""What Python's own syntax asks of an object, as functions: `len(m)`, `m[i]`, `with m`, ..."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Each with the special methods of which one is enough.
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "bool": (),
    "contains": ("__contains__", "__iter__", "__getitem__"),
    "delattr": (),
    "delitem": ("__delitem__",),
    "enter": ("__enter__",),
    "exit": ("__exit__",),
    "getitem": ("__getitem__",),
    "iter": ("__iter__", "__getitem__"),
    "len": ("__len__",),
    "next": ("__next__",),
    "setattr": (),
    "setitem": ("__setitem__",),
}
_END: Final = object()


def _next(iterator: Iterator[Any]) -> list[Any]:
    """The next item in a list, which is empty at the end."""
    item = next(iterator, _END)
    return [] if item is _END else [item]


def _enter(manager: Any) -> Any:
    return type(manager).__enter__(manager)


def _exit(manager: Any, failed: bool) -> None:  # noqa: FBT001 - it crosses as one of the arguments
    """Leave a `with`; that an exception ended it is told, which one is not."""
    error = Exception("the block raised") if failed else None
    kind = type(error) if failed else None
    try:
        type(manager).__exit__(manager, kind, error, None)
    except Exception as passed:
        # A generator that lets the exception pass raises it again.
        if passed is not error:
            raise


OPERATIONS: Final[dict[str, Callable[..., Any]]] = {
    "bool": bool,
    "contains": operator.contains,
    "delattr": delattr,
    "delitem": operator.delitem,
    "enter": _enter,
    "exit": _exit,
    "getitem": operator.getitem,
    "iter": iter,
    "len": len,
    "next": _next,
    "setattr": setattr,
    "setitem": operator.setitem,
}
