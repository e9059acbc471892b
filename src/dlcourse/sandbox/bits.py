"""Contents of tensors, bit by bit: NaN equals itself, and -0.0 is not 0.0."""

from __future__ import annotations

import torch


def bits(values: torch.Tensor) -> torch.Tensor:
    """Return the elements as raw bytes, in one row."""
    plain = values.detach().resolve_conj().resolve_neg()
    return plain.reshape(-1).contiguous().view(torch.uint8)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one dtype and shape hold the same."""
    return torch.equal(bits(one), bits(other))
