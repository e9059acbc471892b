"""One call with everything that it left behind."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dlcourse.sandbox.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def observe(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> Observation:
    """Call `function` and report the arguments as they are afterwards, aliases and global state."""
    before = global_state()
    result = function(*arguments, **keywords)
    after = global_state()
    return Observation(
        result=result,
        arguments=arguments,
        keywords=dict(keywords),
        aliases=aliases(result, (arguments, dict(keywords))),
        changed=tuple(name for name in before if before[name] != after[name]),
    )


def aliases(result: Any, inputs: Any) -> tuple[tuple[int, int], ...]:
    """Pairs (output, input) of tensors that share a storage, counted depth first."""
    owners: dict[int, int] = {}
    for index, tensor in enumerate(tensors_in(inputs)):
        if tensor.numel():
            owners.setdefault(tensor.untyped_storage().data_ptr(), index)
    pairs = []
    for index, tensor in enumerate(tensors_in(result)):
        if tensor.layout is torch.strided and tensor.device.type == "cpu" and tensor.numel():
            owner = owners.get(tensor.untyped_storage().data_ptr())
            if owner is not None:
                pairs.append((index, owner))
    return tuple(pairs)


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """All tensors of a nested container, depth first."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)


def global_state() -> dict[str, Any]:
    """What a pure function leaves alone, by the name that a learner reads."""
    name, key, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - the old generator's
    return {
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "the grad mode": torch.is_grad_enabled(),
        "the inference mode": torch.is_inference_mode_enabled(),
        "anomaly detection": torch.is_anomaly_enabled(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "the number of threads": torch.get_num_threads(),
        "torch's global random state": _digest(torch.get_rng_state().numpy().tobytes()),
        "Python's global random state": hash(random.getstate()),
        "NumPy's global random state": _digest(
            np.asarray(key).tobytes() + repr((name, rest)).encode()
        ),
    }


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
