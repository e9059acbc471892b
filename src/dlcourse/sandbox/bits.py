"""Contents of tensors, bit by bit: NaN equals itself, and -0.0 is not 0.0."""

from __future__ import annotations

from typing import Final

import torch

# Of the same size, so that any strides can be looked at so.
_INTEGERS: Final = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one dtype and shape hold the same."""
    return torch.equal(_bits(one), _bits(other))


def _bits(values: torch.Tensor) -> torch.Tensor:
    plain = values.detach()
    if plain.is_complex():
        plain = torch.view_as_real(plain.resolve_conj())
    return plain.view(_INTEGERS[plain.element_size()])
