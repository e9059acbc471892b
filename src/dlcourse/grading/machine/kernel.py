"""A Triton kernel to try: this module is imported only where Triton is to be tried."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch

# Triton need not be installed, and then has no types either.
triton: Any = import_module("triton")
tl: Any = import_module("triton.language")


def _add(x: Any, y: Any, total: Any) -> None:
    """Add sixteen numbers to sixteen others; the arguments are pointers."""
    lanes = tl.arange(0, 16)
    tl.store(total + lanes, tl.load(x + lanes) + tl.load(y + lanes))


def adds() -> bool:
    """Run the kernel on the CPU and say whether it computes what it should."""
    x = torch.arange(16, dtype=torch.float32)
    total = torch.zeros(16)
    triton.jit(_add)[(1,)](x, 10 * x, total)
    return torch.equal(total, 11 * x)


def version() -> str:
    """Return Triton's own version."""
    return str(triton.__version__)
