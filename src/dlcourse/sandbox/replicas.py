"""Copies of arguments that share no memory with the original and look the same from outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def replica(value: torch.Tensor) -> torch.Tensor:
    """Return a leaf with its own memory and the values, strides, offset and requires_grad."""
    source = value.detach().resolve_conj().resolve_neg()
    whole = torch.empty(0, dtype=source.dtype, device=source.device)
    whole.set_(source.untyped_storage())
    copy = whole.clone().as_strided(source.size(), source.stride(), source.storage_offset())
    return copy.requires_grad_(value.requires_grad)


def replicas(value: Any) -> Any:
    """Return `value` with a replica for every tensor and array in its lists, tuples and dicts.

    Values of other types are the same objects.
    """
    match value:
        case torch.Tensor():
            return replica(value)
        case np.ndarray():
            return value.copy(order="K")
        case list():
            return [replicas(part) for part in value]
        case tuple():
            return tuple(replicas(part) for part in value)
        case dict():
            return {key: replicas(part) for key, part in value.items()}
        case _:
            return value
