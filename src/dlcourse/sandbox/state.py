"""Global state that a pure function leaves alone."""

from __future__ import annotations

import hashlib
import random
from typing import Any, Final

import numpy as np
import torch

_AUTOCAST_DEVICES: Final = ("cpu", "cuda")


def global_state() -> dict[str, Any]:
    """What a pure function leaves alone, by the name that a learner reads."""
    return {**_torch_state(), **_random_state()}


def _torch_state() -> dict[str, Any]:
    return {
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "the grad mode": torch.is_grad_enabled(),
        "the inference mode": torch.is_inference_mode_enabled(),
        "the autocast state": _autocast_state(),
        "anomaly detection": torch.is_anomaly_enabled(),
        # Off, warning or raising: the flag alone tells the last two not apart.
        "deterministic algorithms": torch.get_deterministic_debug_mode(),
        "the precision of matrix products": torch.get_float32_matmul_precision(),
        "the cuDNN flags": (
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
        ),
        "the number of threads": torch.get_num_threads(),
        "the print options": repr(vars(torch._tensor_str.PRINT_OPTS)),  # noqa: SLF001 - no getter
    }


def _autocast_state() -> tuple[Any, ...]:
    per_device = (
        (torch.is_autocast_enabled(device), torch.get_autocast_dtype(device))
        for device in _AUTOCAST_DEVICES
    )
    return (*per_device, torch.is_autocast_cache_enabled())


def _random_state() -> dict[str, Any]:
    name, key, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - the old generator's
    return {
        "torch's global random state": _digest(torch.get_rng_state().numpy().tobytes()),
        "Python's global random state": hash(random.getstate()),
        "NumPy's global random state": _digest(
            np.asarray(key).tobytes() + repr((name, rest)).encode()
        ),
    }


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
