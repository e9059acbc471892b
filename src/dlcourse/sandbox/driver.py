"""Functions of a suite that run beside graded code: sent as source, compiled where they run.

Their source is public to graded code. They see `torch`, `math` and their arguments, and return
plain values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from dlcourse.sandbox.modules import compile_source

if TYPE_CHECKING:
    from collections.abc import Callable


def compile_driver(source: str, name: str) -> Callable[..., Any]:
    """Return the function `name` that `source` defines."""
    # Annotations of a suite may name types that only the grader knows.
    prelude = "from __future__ import annotations\n"
    namespace: dict[str, Any] = {"__name__": f"driver_{name}", "torch": torch, "math": math}
    exec(compile_source(prelude + source, f"<{name}>"), namespace)  # noqa: S102 - the suite's own
    function = namespace[name]
    assert callable(function)
    return function  # type: ignore[no-any-return] # exec gives no types
