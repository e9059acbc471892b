"""Names, for a suite's author, what cannot be an argument of graded code."""

from __future__ import annotations

import types
from typing import Any, Final

import torch
from torch import nn


class UnsendableArgument(TypeError):  # noqa: N818 - it names the argument that is at fault
    """The suite passed what cannot cross: the suite is at fault, not graded code."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"an argument holds {what}, which cannot cross to graded code: pass tensors, "
            "numbers, strings or containers of them, or run the call in an `@in_worker` "
            "function"
        )


def describe_unsendable(value: Any) -> str:
    """Name a value that has no plain form, such as the function `f` or the optimizer `AdamW`."""
    if isinstance(value, types.MethodType | types.BuiltinMethodType) and not _is_function(value):
        return f"the method `{type(value.__self__).__qualname__}.{value.__name__}`"
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return f"the {'class' if isinstance(value, type) else 'function'} `{value.__name__}`"
    nouns = (noun for kind, noun in _NOUNS.items() if isinstance(value, kind))
    return f"{next(nouns, 'a value of type')} `{type(value).__qualname__}`"


def _is_function(value: Any) -> bool:
    """Whether a builtin stands alone: its owner is then a module, or nothing."""
    return isinstance(value.__self__, types.ModuleType | None)


_NOUNS: Final[dict[type, str]] = {
    nn.Module: "the local module",
    torch.optim.Optimizer: "the optimizer",
    torch.utils.data.DataLoader: "the loader",
}
