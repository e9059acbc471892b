"""The one door through which every backward of this process goes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENGINE: Final = "_engine_run_backward"
ENGINE_CODE: Final = getattr(torch.autograd, _ENGINE).__code__
"""What the frame runs that every backward stands above."""


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
