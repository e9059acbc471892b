"""Packages that stand in for installations and hardware that a test machine has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

BROKEN_TORCH: Final = "raise OSError('libcudart.so.13: cannot open shared object file\\nmore')\n"
CRASHING_TORCH: Final = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
EXITING_TORCH: Final = "raise SystemExit(5)\n"
HANGING_TORCH: Final = "import time\ntime.sleep(1000)\n"

# Two GPUs, of which the second computes nothing.
TORCH_WITH_GPUS: Final = """
from types import SimpleNamespace

version = SimpleNamespace(cuda="13.0")

class Ones:
    def __matmul__(self, other):
        return self

    def sum(self):
        return 64**3

class cuda:
    @staticmethod
    def device_count():
        return 2

    @staticmethod
    def get_device_properties(index):
        return SimpleNamespace(name="Stand-in", total_memory=1 << 30)

def ones(*shape, device):
    if device == "cuda:1":
        raise RuntimeError("CUDA error: out of order")
    return Ones()
"""
# A driver that is missing: what it says comes with the first tensor.
TORCH_WITHOUT_DRIVER: Final = """
class cuda:
    @staticmethod
    def device_count():
        return 0

def zeros(*shape, device):
    raise RuntimeError("Found no NVIDIA driver on your system.")
"""
# As much of Triton as the kernel needs; `{factor}` makes its sums right or wrong.
TRITON: Final = """
import os

__version__ = "3.5.0" if os.environ.get("TRITON_INTERPRET") else "compiled"

def jit(kernel):
    class Launcher:
        def __getitem__(self, grid):
            return kernel
    return Launcher()
"""
TRITON_LANGUAGE: Final = """
class Pointer:
    pass

def arange(first, last):
    return Lanes(first, last)

class Lanes:
    def __init__(self, first, last):
        self.range = slice(first, last)
        self.tensor = None

    def __radd__(self, tensor):
        lanes = Lanes(self.range.start, self.range.stop)
        lanes.tensor = tensor
        return lanes

    __array_priority__ = 1000

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        tensor, lanes = arguments
        return lanes.__radd__(tensor)

def load(lanes):
    return lanes.tensor[lanes.range]

def store(lanes, numbers):
    lanes.tensor[lanes.range] = numbers * {factor}
"""


def install(folder: Path, name: str, source: str) -> Path:
    """Write the package `name` into `folder`, which is to come first where modules are looked for.

    Returns `folder`.
    """
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(source)
    return folder
