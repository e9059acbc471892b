"""Seeds of the global generators, alike in a worker and in the grader."""

from __future__ import annotations

import random
from typing import Final

import torch
from numpy import random as numpy_random  # now: NumPy itself would only import it in a fork

_NUMPY_SEEDS: Final = 1 << 32


def seed_globals(seed: int) -> None:
    """Seed every global generator that code may draw from; `seed` has at most 63 bits."""
    # Not torch.manual_seed, which also queues a call, with a stack trace, for every device.
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    numpy_random.seed(seed % _NUMPY_SEEDS)  # noqa: NPY002 - the global generator is the point
