"""A tensor of a mirrored module, on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from torch import nn

if TYPE_CHECKING:
    from dlcourse.sandbox.description import TensorSpec


@dataclass(eq=False)
class Slot:
    """The local tensor that mirrors one in the worker, and what the worker has there.

    Tied parameters are one slot in several places.
    """

    number: int
    tensor: torch.Tensor
    known: torch.Tensor
    requires_grad: bool

    @classmethod
    def of(cls, number: int, spec: TensorSpec, *, is_parameter: bool) -> Self:
        """Make a local tensor of what was described."""
        # A clone lays out expanded elements one by one, so that they can be written to.
        copy = spec.tensor.clone()
        tensor = nn.Parameter(copy, spec.requires_grad) if is_parameter else copy
        return cls(number, tensor, copy.clone(), spec.requires_grad)

    @property
    def is_parameter(self) -> bool:
        """Whether the local tensor can require a gradient."""
        return isinstance(self.tensor, nn.Parameter)

    def fits(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor could have these contents."""
        return tensor.shape == self.known.shape and tensor.dtype == self.known.dtype

    def write(self, contents: torch.Tensor) -> None:
        """Take over what the worker has."""
        with torch.no_grad():
            self.tensor.copy_(contents)
        self.known = contents.clone()

    def set_requires_grad(self, requires_grad: bool) -> None:  # noqa: FBT001 - as torch's own
        """Take over whether the worker's parameter requires a gradient."""
        self.tensor.requires_grad_(requires_grad)
        self.requires_grad = requires_grad
